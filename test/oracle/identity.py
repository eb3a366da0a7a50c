"""Who is one user: the contract's rule (section 7), written a second time and naively.

    >>> seen = [("asmith@x.com", "alice", None), ("bob@x.com", "asmith", None), ("c@x.com", "bob", None),
    ...         ("ASMITH@y.org", None, None), (None, None, "Bob B."), (None, "BOB", None), (None, "bob", "Bob B."),
    ...         ("  ", "", "")]
    >>> users = resolve(seen)
    >>> [users[s] for s in seen[:4]] == [users[seen[0]]] * 4, users[seen[5]] == users[seen[6]] == users[seen[0]]
    (True, True)
    >>> users[seen[4]]
    User(bucket='Display Names', name='bob b.')
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

User = namedtuple("User", "bucket name")  # name: the least of what ties it together; the two identify it


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


def resolve(seen, proves_nothing=()):
    """The user of each (email, username, display name) seen, None where nobody can be told from it. `seen` is everything
    of the widest window; its order and repetitions make no difference."""
    proves_nothing = {key(p) for p in proves_nothing}
    keyed = {s: tuple(key(text) for text in s) for s in seen}

    def local(email):
        part = local_part(email)
        return None if part in proves_nothing else part

    # 1. Both an email and a username. Every key goes by the least key that it was ever seen with, until nothing changes.
    both = {(e, u) for e, u, _ in keyed.values() if e and u}
    least = {k: k for e, u in both for k in (u, local(e)) if k}
    changed = True
    while changed:
        changed = False
        for e, u in both:
            keys = [k for k in (u, local(e)) if k]
            smallest = min(least[k] for k in keys)
            for k in keys:
                if least[k] != smallest:
                    least[k], changed = smallest, True
    by_email = {e: least[u] for e, u in sorted(both, reverse=True)}

    def user(email, username, name):
        if email and username:
            return User(BUCKETS[0], least[username])
        if email:  # 2. An email and no username.
            holder = by_email.get(email) or least.get(local(email))
            return User(BUCKETS[0], holder) if holder else User(BUCKETS[1], email)
        if username in least:  # 3 and 4. No email, but a username that a user of step 1 holds.
            return User(BUCKETS[0], least[username])
        if name:
            return User(BUCKETS[2], name)
        return User(BUCKETS[3], username) if username else None

    return {s: user(*keys) for s, keys in keyed.items()}
