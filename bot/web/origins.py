"""Which pages may open a customer's socket: the shop's own, and those its owner lists.

WebSockets ignore CORS, so a foreign page could speak for its visitor; hence this check. A client
without an `Origin` is no browser, and has nothing of a visitor's to abuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

ANY = "*"


def is_allowed_origin(origin: str | None, host: str, allowed: Sequence[str]) -> bool:
    """Tell whether a page of `origin` may talk to this server.

    Args:
        origin: the header, or None for clients that are no browsers.
        host: the `Host` header: a page from there is the server's own.
        allowed: origins like "https://shop.example"; "*" allows all.
    """
    if origin is None or ANY in allowed:
        return True
    try:
        parts = urlsplit(origin.lower())
    except ValueError:  # "http://["
        return False
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return False
    return parts.netloc == host.lower() or origin.lower() in allowed
