"""Case numbers: derived from the message's row, so that a turn computed twice gives the same one.

`P261122-4K7QX2-H`: the date in the shop's time zone, the row's id as a scrambled base-32 code, a
check character (Luhn mod 32). Crockford's alphabet: no I, L, O, U.
"""

from __future__ import annotations

from datetime import datetime

from bot.clock import SHOP_TIME_ZONE

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 6
_SPACE = len(ALPHABET) ** CODE_LENGTH
_FACTOR = 387_420_489  # odd, hence a bijection modulo a power of two; hides the row's id


def case_number(message_id: int, received_at: datetime) -> str:
    """Return the number of the case that this message opens; unique below 2**30 messages."""
    day = received_at.astimezone(SHOP_TIME_ZONE).strftime("%y%m%d")
    value = (message_id * _FACTOR) % _SPACE
    digits = []
    for _ in range(CODE_LENGTH):
        value, digit = divmod(value, len(ALPHABET))
        digits.append(ALPHABET[digit])
    code = "".join(reversed(digits))
    return f"P{day}-{code}-{check_character(day + code)}"


def check_character(text: str) -> str:
    """Return the Luhn mod 32 check character of `text`."""
    total = 0
    for place, char in enumerate(reversed(text)):
        addend = ALPHABET.index(char) * (2 if place % 2 == 0 else 1)
        total += addend // len(ALPHABET) + addend % len(ALPHABET)
    return ALPHABET[-total % len(ALPHABET)]


def is_case_number(text: str) -> bool:
    """Tell whether `text` is a well-formed case number with a right check character."""
    parts = text.split("-")
    if len(parts) != 3 or len(parts[0]) != 7 or parts[0][0] != "P" or len(parts[1]) != CODE_LENGTH:
        return False
    body = parts[0][1:] + parts[1]
    return all(char in ALPHABET for char in body) and check_character(body) == parts[2]
