package identity

import "iter"

// Ties yields every key that ties observations to a user, with the number of that user: each key once, in no particular
// order.
func (u *Users) Ties() iter.Seq2[Identifier, int] {
	return func(yield func(Identifier, int) bool) {
		for k, user := range u.user {
			if user != none && !yield(Identifier{Kind: u.kind(int32(k)), Text: u.texts[k]}, int(user)) {
				return
			}
		}
	}
}
