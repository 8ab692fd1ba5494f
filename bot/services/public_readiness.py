"""May this server listen beyond this machine? Pure: it looks at what it is given.

A sample shop or a secret that others know is fine at one's own desk and nowhere else.
"""

from __future__ import annotations

import ipaddress
import math
from collections import Counter

from bot.knowledge.shop import Shop
from bot.services.new_shop import unedited_names
from bot.settings import Settings

LEAST_SECRET_BITS = 96.0
PLACEHOLDERS = (
    "changeme",
    "change-me",
    "change_me",
    "default",
    "example",
    "password",
    "placeholder",
    "secret",
    "yoursecret",
    "your-secret",
    "your_secret",
    "insecure",
    "replaceme",
    "replace-me",
    "replace_me",
    "0123456789",
    "123456789",
)


def obstacles(settings: Settings, shop: Shop, host: str) -> list[str]:
    """Return why the server must not listen on `host`, each with how to mend it; empty: it may."""
    if is_loopback(host):
        return []
    found = []
    names = unedited_names(shop)
    if names:
        found.append(
            f"the shop's {', '.join(names)} in shop.yml is still the sample's or the template's; "
            "make a shop with ./prelude shop new NAME and name it with --shop or PRELUDE_SHOP"
        )
    for name, secret in (
        ("PRELUDE_SECRET", settings.secret),
        ("PRELUDE_IDENTITY_SECRET", settings.identity_secret),
    ):
        if secret and is_guessable(secret):
            found.append(
                f"{name} can be guessed; take one from "
                "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
            )
    return found


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_guessable(secret: str) -> bool:
    """Tell whether a secret is a placeholder, a pattern, or has too little in it."""
    lower = secret.lower()
    return (
        any(each in lower for each in PLACEHOLDERS)
        or _bits(secret) < LEAST_SECRET_BITS
        or secret in (secret + secret)[1:-1]  # one piece over and over
        or _runs(secret) * 2 > len(secret)
    )


def _bits(text: str) -> float:
    """Return the text's entropy by how often each sign stands in it (Shannon)."""
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares) * len(text)


def _runs(text: str) -> int:
    """Return how many signs follow the one before in the alphabet, as in abcdef or 987654."""
    return sum(abs(ord(one) - ord(other)) <= 1 for one, other in zip(text, text[1:], strict=False))
