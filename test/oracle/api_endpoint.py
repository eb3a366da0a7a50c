"""The endpoint that an API path stands for: the contract's rule (section 4), written a second time.

`api_path` without its query string, identifiers replaced by `{id}`: first by the route templates, else segments that
are UUIDs, ULIDs, numbers, long hex, e-mail addresses or tokens with digits. `v1` stays.
"""

import re
from urllib.parse import unquote

# The templates of the demo's config.
ROUTES = ["/v1/agents/{agent}/run", "/v1/agents/{agent}/runs/{run}"]

VERSION = re.compile(r"v\d{1,3}(\.\d{1,3})*((alpha|beta|rc|preview)\d{0,3})?", re.IGNORECASE)
LONG_HEX = re.compile(r"[0-9a-f-]*", re.IGNORECASE)


def split(path):
    return [s.strip() for s in path.split("/") if s.strip()]


def is_identifier(segment):
    text = unquote(segment)
    if VERSION.fullmatch(text):
        return False
    if "@" in text or any(ch.isnumeric() for ch in text):  # an address, or anything with a digit
        return True
    return bool(LONG_HEX.fullmatch(text)) and len(text.replace("-", "")) >= 16


def fits(route, segments):
    return len(route) == len(segments) and all(
        r.startswith("{") or r == s or r == unquote(s) for r, s in zip(route, segments)
    )


# The route with the most literal segments comes first, then the order given.
ORDERED = sorted((split(r) for r in ROUTES), key=lambda r: sum(s.startswith("{") for s in r))


def api_endpoint(path):
    if path is None:
        return None
    path = re.split(r"[?#]", path)[0].strip()
    if not path:
        return None
    path = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*", "", path)
    segments = split(path)
    for route in ORDERED:
        if fits(route, segments):
            return "/" + "/".join("{id}" if s.startswith("{") else s for s in route)
    return "/" + "/".join("{id}" if is_identifier(s) else s for s in segments)
