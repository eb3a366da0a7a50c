package identity

import (
	"testing"
)

// handChecked are small companies, checked by hand. obs and the overrides are in the forms that parse and identifiers read.
// want lists the users: the letters of their observations, then the number of their bucket.
var handChecked = []struct {
	why             string
	obs             string
	noProof         []string
	same, different string
	want            string
}{
	// Step 1.
	{why: "an email's case means nothing", obs: "u=amy; e=Amy.L@X.com | u=amy2; e=amy.l@x.COM", want: "AB1"},
	{why: "a username's case means nothing", obs: "u=Amy; e=one@x.com | u=AMY; e=two@x.com", want: "AB1"},
	{why: "one local part at two domains is one key: a company with two domains", obs: "u=a1; e=amy@x.com | u=a2; e=amy@x.de", want: "AB1"},
	{why: "a username that is another's local part is the same key", obs: "u=asmith; e=one@x.com | u=alice; e=asmith@x.com", want: "AB1"},
	{why: "nothing shared", obs: "u=amy; e=one@x.com | u=bob; e=two@x.com", want: "A1 B1"},
	{why: "a renamed account keeps its address", obs: "u=amy.miller; e=amy@x.com | u=amy.jones; e=amy@x.com", want: "AB1"},
	{why: "a renamed account and a new address: the old name links them", obs: "u=amiller; e=amiller@x.com | u=ajones; e=amiller@x.com | u=ajones; e=ajones@x.com", want: "ABC1"},
	{why: "sharing is transitive whatever comes in between", obs: "u=a; e=b@x.com | u=c; e=d@x.com | u=b; e=c@x.com", want: "ABC1"},
	{why: "username and local part alike: one key, one user", obs: "u=amy; e=amy@x.com | u=amy; e=amy@x.com", want: "AB1"},
	{why: "a display name ties nobody who has an email", obs: "u=amy; e=one@x.com; d=Amy | u=bob; e=two@x.com; d=Amy", want: "A1 B1"},
	{why: "local parts are whole: a tag after a plus makes another", obs: "u=amy; e=al@x.com | u=bob; e=al+news@x.com", want: "A1 B1"},
	{why: "a service account that many run is one user with all that share it", obs: "u=build; e=ci@x.com | u=deploy; e=ci@x.com | u=nightly; e=ci@y.org", want: "ABC1"},
	{why: "an email without @ has no local part, and does not tie by itself", obs: "u=amy; e=desk | u=bob; e=desk", want: "A1 B1"},
	{why: "nothing stands before the @: no local part", obs: "u=amy; e=@x.com | u=bob; e=@x.com", want: "A1 B1"},
	{why: "only blanks stand before the @: no local part", obs: "u=amy; e=  @x.com | u=bob; e=@x.com", want: "A1 B1"},
	{why: "the last of several @ ends the local part", obs: "u=amy; e=a@b@x.com | u=a@b; e=z@x.com", want: "AB1"},
	{why: "the first of several @ ends nothing", obs: "u=amy; e=a@b@x.com | u=a; e=z@x.com", want: "A1 B1"},
	{why: "a local part is trimmed as every key is", obs: "u=amy; e=al @x.com | u=al; e=z@x.com", want: "AB1"},
	{why: "a blank username is no username: this is an email alone", obs: "u= \t; e=amy@x.com", want: "A2"},
	{why: "two blank usernames do not match each other", obs: "u= ; e=amy@x.com | u= ; e=bob@x.com", want: "A2 B2"},
	// Step 2.
	{why: "an email alone joins the user that was seen with it", obs: "e=amy@x.com | u=al; e=AMY@x.com", want: "AB1"},
	{why: "an email alone joins by its local part", obs: "e=amy@y.org | u=al; e=amy@x.com", want: "AB1"},
	{why: "an email alone joins the user whose username its local part is", obs: "e=al@y.org | u=al; e=amy@x.com", want: "AB1"},
	{why: "an email alone does not join who only has a username", obs: "e=al@y.org | u=al", want: "A2 B4"},
	{why: "equal emails alone are one user, a local part alone is not enough", obs: "e=amy@x.com | e=Amy@X.com | e=amy@y.org", want: "AB2 C2"},
	{why: "emails alone make no bridge between users", obs: "e=a@x.com | e=a@y.org | u=b; e=b@x.com", want: "A2 B2 C1"},
	{why: "a display name beside an email does not matter", obs: "e=amy@x.com; d=Team | e=bob@x.com; d=Team", want: "A2 B2"},
	{why: "an email without @ that was seen with a username is held", obs: "e=desk | u=amy; e=Desk", want: "AB1"},
	{why: "an email without @ is not looked up as a username", obs: "e=amy | u=amy; e=one@x.com", want: "A2 B1"},
	{why: "the full email counts before the local part", obs: "e=info@x.com | u=amy; e=info@x.com | u=info; e=z@x.com",
		noProof: []string{"info"}, want: "AB1 C1"},
	// Step 3.
	{why: "equal display names are one user", obs: "d=Bob B. | d=BOB B.", want: "AB3"},
	{why: "a display name is not a username", obs: "d=bob | u=bob; e=bob@x.com", want: "A3 B1"},
	{why: "a username that nobody has with an email does not count before a display name", obs: "d=Bob; u=b1 | d=Bob; u=b2", want: "AB3"},
	{why: "the username leads to its user, and the display name stays apart", obs: "d=Bob; u=bob | d=Bob | u=bob; e=q@x.com", want: "AC1 B3"},
	{why: "the username leads to a user that has it as a local part", obs: "d=Bob; u=q | u=bob; e=q@x.com", want: "AB1"},
	{why: "a username alone is not looked for among display names' usernames", obs: "d=Bob; u=bob | u=bob", want: "A3 B4"},
	{why: "a blank display name is none", obs: "d=  ; u=bob | d=\u00a0", want: "A4"},
	{why: "an email alone does not hold a username for step 3", obs: "d=Bob; u=bob | e=bob@x.com", want: "A3 B2"},
	// Step 4.
	{why: "equal usernames are one user", obs: "u=bob | u=Bob  | u=rob", want: "AB4 C4"},
	{why: "a username alone joins by a local part", obs: "u=q | u=bob; e=q@x.com", want: "AB1"},
	{why: "none of the three is nobody", obs: "u=; e=; d= | u= ; e=\t; d=\u3000 | u=x", want: "C4"},
	// Local parts that prove nothing.
	{why: "a shared mailbox makes many one user, as long as it proves something", obs: "u=amy; e=info@x.com | u=bob; e=info@y.org", want: "AB1"},
	{why: "and keeps them apart when it proves nothing", obs: "u=amy; e=info@x.com | u=bob; e=info@y.org", noProof: []string{"INFO "}, want: "A1 B1"},
	{why: "held by two users, the mailbox goes to the smallest username", obs: "e=info@x.com | u=bob; e=info@x.com | u=amy; e=info@x.com",
		noProof: []string{"info"}, want: "AC1 B1"},
	{why: "what proves nothing as a local part is a username all the same", obs: "u=info; e=a@x.com | u=info; e=b@x.com", noProof: []string{"info"}, want: "AB1"},
	{why: "a mailbox nobody was seen with is a user by its full email", obs: "e=info@x.com | e=info@y.org | e=info@x.com", noProof: []string{"info"}, want: "AC2 B2"},
	// Unicode.
	{why: "ß, ẞ and ss are one in a full case fold", obs: "u=straße | u=STRASSE | u=STRAẞE", want: "ABC4"},
	{why: "the long s is an s", obs: "u=ſam | u=Sam", want: "AB4"},
	{why: "İ folds to i with a dot above, which is what i̇ is", obs: "u=İlk | u=i\u0307lk | u=ilk", want: "AB4 C4"},
	{why: "a dotless ı is not an i: folding is not Turkish", obs: "u=ılk | u=ILK | u=ilk", want: "A4 BC4"},
	{why: "composed and decomposed accents are one", obs: "d=Jos\u00e9 | d=Jose\u0301 | d=Jose", want: "AB3 C3"},
	{why: "the Ångström sign is an Å", obs: "d=\u212bngström | d=\u00e5ngstro\u0308m", want: "AB3"},
	{why: "ligatures come apart", obs: "u=ﬁnn | u=FINN", want: "AB4"},
	{why: "a final sigma is a sigma", obs: "u=σοφός | u=ΣΟΦΌΣ | u=σοφόσ", want: "ABC4"},
	{why: "full-width letters are letters", obs: "u=ＡＭＹ | u=amy", want: "AB4"},
	{why: "a full-width ＠ ends a local part", obs: "u=bob; e=amy＠x.com | u=amy; e=z@x.com", want: "AB1"},
	{why: "no-break and ideographic spaces around a key are trimmed", obs: "u=\u00a0amy\u3000 | u=amy", want: "AB4"},
	{why: "spaces within a key stay, a no-break space among them as a space", obs: "d=Amy\u00a0L | d=Amy L | d=AmyL", want: "AB3 C3"},
	{why: "Cherokee letters fold, too", obs: "u=\u13a0 | u=\uab70", want: "AB4"},
	{why: "Kelvin's sign is a k", obs: "u=\u212aim | u=kim", want: "AB4"},
	{why: "a circled one is a one: compatibility forms are alike", obs: "u=amy① | u=amy1", want: "AB4"},
	// Same.
	{why: "two users are one by their usernames", obs: "u=amy; e=a@x.com | u=bob; e=b@x.com", same: "amy, BOB", want: "AB1"},
	{why: "two users are one by emails that they were seen with", obs: "u=amy; e=a@x.com | u=bob; e=b@x.com", same: "A@x.com, b@x.com", want: "AB1"},
	{why: "an email that proves nothing ties where it is named", obs: "u=amy; e=info@x.com | u=bob; e=info@x.com", noProof: []string{"info"},
		same: "info@x.com, amy", want: "AB1"},
	{why: "emails without usernames are one", obs: "e=a@x.com | e=b@x.com | e=c@x.com", same: "a@x.com, b@x.com", want: "AB2 C2"},
	{why: "a display name is a person's", obs: "u=amy; e=a@x.com | d=Amy L.", same: "amy, ~Amy L.", want: "AB1"},
	{why: "a username alone and an email alone are one, in the better bucket", obs: "u=amy | e=z@x.com", same: "amy, z@x.com", want: "AB2"},
	{why: "a username that is named leads before the display name beside it", obs: "d=Amy L.; u=amy | e=z@x.com | d=Amy L.", same: "amy, z@x.com", want: "AB2 C3"},
	{why: "a display name that is named does not lead before a username that a user holds", obs: "d=Amy; u=bob | u=bob; e=b@x.com | u=amy; e=a@x.com",
		same: "~Amy, amy", want: "AB1 C1"},
	{why: "entries that share somebody are one", obs: "u=a | u=b | u=c | u=d", same: "a, b | c, b", want: "ABC4 D4"},
	{why: "one who joins brings the other", obs: "e=q@y.org | e=z@x.com | u=amy; e=q@x.com", same: "q@y.org, z@x.com", want: "ABC1"},
	{why: "where two could be joined, both go to the smaller", obs: "e=p@y.org | e=q@y.org | u=bob; e=q@x.com | u=amy; e=p@x.com",
		same: "p@y.org, q@y.org", want: "ABD1 C1"},
	{why: "one who joins by its full email goes before one who joins by its local part", obs: "e=a@y.org | e=info@x.com | u=zoe; e=info@x.com | u=a; e=q@x.com",
		noProof: []string{"info"}, different: "zoe, nobody", same: "a@y.org, info@x.com", want: "ABC1 D1"},
	// Different.
	{why: "two people with one name at two domains", obs: "u=john; e=jsmith@x.com | u=jane; e=jsmith@y.com", different: "jsmith@x.com, jsmith@y.com", want: "A1 B1"},
	{why: "an address that is a person of its own leaves its username to others", obs: "u=john; e=jsmith@x.com | u=john; e=z@x.com",
		different: "jsmith@x.com, jsmith@y.com", want: "A1 B1"},
	{why: "sightings of the address are still one", obs: "u=john; e=jsmith@x.com | e=JSmith@x.com | u=jack; e=jsmith@x.com", different: "jsmith@x.com, jsmith@y.com",
		want: "ABC1"},
	{why: "an address that is a person of its own does not join by its local part", obs: "e=jsmith@y.com | u=jsmith; e=z@x.com",
		different: "jsmith@x.com, jsmith@y.com", want: "A2 B1"},
	{why: "usernames that share an address are two", obs: "u=amy; e=desk@x.com | u=bob; e=desk@x.com", different: "amy, bob", want: "A1 B1"},
	{why: "the address goes to the smaller of them", obs: "u=bob; e=desk@x.com | u=amy; e=desk@x.com | e=desk@x.com", different: "amy, bob", want: "A1 BC1"},
	{why: "a username that is a person of its own is no local part", obs: "u=amy; e=a@x.com | u=bob; e=amy@x.com | e=amy@y.org", different: "amy, bob2", want: "A1 B1 C2"},
	{why: "display names that are people of their own leave their usernames to others", obs: "d=Amy; u=amy | u=amy; e=a@x.com | d=Amy", different: "~Amy, ~Bob",
		want: "AC3 B1"},
	{why: "nor does a username that is named bring such a display name to another", obs: "d=Amy; u=amy | u=bob; e=b@x.com", same: "amy, bob",
		different: "~Amy, ~Bob", want: "A3 B1"},
	{why: "who is the same as a person of its own is one, too: no third may bring the two together",
		obs: "u=carol; e=c1@x.com | u=carol; e=c2@x.com | e=a@x.com | e=b@x.com", same: "a@x.com, c1@x.com | b@x.com, c2@x.com", different: "a@x.com, b@x.com",
		want: "AC1 BD1"},
}

func TestCases(t *testing.T) {
	if len(handChecked) < 45 {
		t.Fatalf("%d cases", len(handChecked))
	}
	for _, c := range handChecked {
		t.Run(c.why, func(t *testing.T) {
			r := Rules{NoProof: c.noProof, Same: identifiers(c.same), Different: identifiers(c.different)}
			texts := parse(t, c.obs)
			u, obs := resolved(t, texts, r)
			if got := groups(u, numbers(u, obs)); got != c.want {
				t.Errorf("%s\ngot  %s\nwant %s", c.obs, got, c.want)
			}
		})
	}
}
