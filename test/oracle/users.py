"""Resolves the users of the widest window, and puts them and every text's key into DuckDB tables."""

import pyarrow as pa

from identity import key, resolve, trim
from load import register

# What the demo's config and its file of overrides say of identities.
RULES = {
    "proves_nothing": ["info", "support", "noreply"],
    "same": [
        [("email", "kim.lind@example.net"), ("username", "ext-117")],
        [("email", "n.omail@example.org"), ("display_name", "Dr. Nia Omail, PhD")],
        [("email", "sam.miller@example.com"), ("username", "smiller-us")],
        [("email", "sam.miller@example.org"), ("username", "smiller-ca")],
    ],
    "different": [[("email", "sam.miller@example.com"), ("email", "sam.miller@example.org")]],
}


def users(con, rules):
    """The tables users and texts. Who cannot be told from anything is in none of them; returns how many looks that is,
    and the number of users."""
    seen = con.execute("""
        SELECT DISTINCT email, username, display_name FROM observations, run
        WHERE day BETWEEN (d - INTERVAL 1 YEAR)::DATE AND d - 1""").fetchall()
    resolved = {s: user for s, user in resolve(seen, **rules).items() if user is not None}
    columns = {name: [s[i] for s in resolved] for i, name in enumerate(["email", "username", "display_name"])}
    columns["user_bucket"] = [user.bucket for user in resolved.values()]
    columns["user_name"] = [user.name for user in resolved.values()]
    register(con, "users", pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}))
    texts = sorted({t for s in resolved for t in s if t is not None and key(t) is not None})
    register(con, "texts", pa.table({
        "text": pa.array(texts, pa.string()), "key": pa.array([key(t) for t in texts], pa.string()),
        "shown": pa.array([trim(t) for t in texts], pa.string())}))
    return len(seen) - len(resolved), len(set(resolved.values()))
