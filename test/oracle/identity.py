"""Who is one user: the contract's rule (section 7), written a second time and naively.

    >>> seen = [("asmith@x.com", "alice", None), ("bob@x.com", "asmith", None), ("c@x.com", "bob", None),
    ...         ("ASMITH@y.org", None, None), (None, None, "Bob B."), (None, "BOB", None), (None, "bob", "Bob B."),
    ...         ("  ", "", "")]
    >>> users = resolve(seen)
    >>> [users[s] for s in seen[:4]] == [users[seen[0]]] * 4, users[seen[5]] == users[seen[6]] == users[seen[0]]
    (True, True)
    >>> users[seen[4]]
    User(bucket='Display Names', name='display_name: bob b.')
    >>> apart = resolve(seen, different=[[("username", "bob"), ("email", "bob@x.com")]])
    >>> len({u for u in apart.values() if u}), apart[seen[1]] == apart[seen[0]], apart[seen[2]] == apart[seen[5]] == apart[seen[6]]
    (4, False, True)
    >>> one = resolve(seen, same=[[("display_name", "bob b."), ("email", "c@x.com")]])
    >>> len({u for u in one.values() if u}), resolve([("info@x", "a", None), ("info@y", "b", None)], ["Info"])
    (1, {('info@x', 'a', None): User(bucket='Usernames or Emails', name='username: a'), ('info@y', 'b', None): User(bucket='Usernames or Emails', name='username: b')})
    >>> users[seen[7]] is None
    True
    >>> key(" Stra\u00dfe\u3000"), key("\uff21\u0301"), local_part("a@b@c"), local_part("@c"), local_part("c")
    ('strasse', '\xe1', 'a@b', None, None)
"""

import unicodedata
from collections import namedtuple

BUCKETS = ["Usernames or Emails", "Emails", "Display Names", "Usernames"]  # the best first

# What Unicode calls white space. (Python's own strip() takes away four control characters more.)
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

User = namedtuple("User", "bucket name")  # the name, the least thing that ties it together, is enough to identify it


def trim(text):
    return text.strip(SPACE)


def key(text):
    """The form in which two texts are compared; None is no key."""
    if text is None:
        return None
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", trim(text)).casefold())
    return trim(folded) or None


def local_part(email_key):
    """What stands before the last @ of an email's key, or None."""
    if email_key is None or "@" not in email_key:
        return None
    return trim(email_key[: email_key.rindex("@")]) or None


def resolve(seen, proves_nothing=(), same=(), different=()):
    """The user of each (email, username, display name) seen, None where nobody can be told from it. `seen` is everything
    of the widest window; its order and repetitions make no difference. `proves_nothing` are local parts; `same` and
    `different` are lists of lists of (kind, text), the kinds email, username and display_name.

    Things that tie are pairs such as ("username", "bob"), which is also the local part of bob@x.com, ("email", …) and
    ("display_name", …). A component is everything that ties together, and goes by its least thing."""
    proves_nothing = {key(p) for p in proves_nothing}
    same = [[(kind, key(text)) for kind, text in entry] for entry in same]
    named = {thing for entry in same for thing in entry}

    least = {}  # of every thing, the least that it hangs together with

    def tie(groups):
        """Every thing goes by the least thing of any group that it is in, until nothing changes."""
        for group in groups:
            for thing in group:
                least.setdefault(thing, thing)
        changed = True
        while changed:
            changed = False
            for group in groups:
                smallest = min((least[thing] for thing in group), default=None)
                for thing in group:
                    if least[thing] != smallest:
                        least[thing], changed = smallest, True

    # A person of its own is what an entry of `different` names, with all that `same` says is that person.
    tie(same)
    apart = {(kind, key(text)) for entry in different for kind, text in entry}
    apart |= {thing for thing in named if least[thing] in {least.get(other) for other in apart}}

    def local(email):
        """The local part as something that ties, or None."""
        part = ("username", local_part(email))
        return None if part[1] is None or part[1] in proves_nothing or part in apart else part

    def first(email, username):
        """What ties an observation of step 1."""
        if ("email", email) in apart:
            return [("email", email)]
        if ("username", username) in apart:
            return [("username", username)]
        return [thing for thing in (("username", username), local(email), ("email", email))
                if thing and (thing[0] == "username" or thing in named)]

    keyed = {s: tuple(key(text) for text in s) for s in seen}
    both = {(e, u) for e, u, _ in keyed.values() if e and u}
    tie([*same, *(first(e, u) for e, u in both)])
    ones = {least[first(e, u)[0]] for e, u in both}  # the users of step 1
    by_email = {e: least[first(e, u)[0]] for e, u in sorted(both, reverse=True)}  # of several, that of the smallest username

    def held(thing):
        """The user of step 1 that holds a username or a local part, or None."""
        return least[thing] if thing and least.get(thing) in ones else None

    # An entry of `same` without anybody of step 1: whom its emails join, so do the rest, full emails before local parts.
    joined = {}
    for root in {least[thing] for thing in named} - ones:
        emails = sorted(text for kind, text in named if kind == "email" and least[(kind, text)] == root and (kind, text) not in apart)
        full = [by_email[e] for e in emails if e in by_email]
        parts = [held(part) for part in sorted(part for part in map(local, emails) if held(part))]
        if full or parts:
            joined[root] = (full or parts)[0]

    def component(thing):
        root = least.get(thing, thing)
        return joined.get(root, root)

    def user(e, u, d):
        """What the user of an observation goes by."""
        email, username, name = ("email", e), ("username", u), ("display_name", d)
        if e and u:
            return least[first(e, u)[0]]
        if e:  # 2. An email and no username.
            if email in apart or email in named:
                return component(email)
            return by_email.get(e) or held(local(e)) or email
        if u and username in apart:
            return component(username)
        if d and name in apart:
            return component(name)
        if u and (username in named or held(username)):  # 3 and 4. A username that a user of step 1 holds.
            return component(username)
        if d:
            return component(name)
        return username if u else None

    users = {s: user(*keys) for s, keys in keyed.items()}
    best = {}
    for s, (e, u, d) in keyed.items():
        bucket = 0 if e and u else 1 if e else 2 if d else 3
        best[users[s]] = min(best.get(users[s], bucket), bucket)
    return {s: thing and User(BUCKETS[best[thing]], ": ".join(thing)) for s, thing in users.items()}
