"""The approver's PIN: kept only as a salted hash that is slow to guess against."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from itertools import pairwise

SHORTEST, LONGEST = 6, 64
FEWEST_DIFFERENT = 4
"""Different characters in a PIN."""
_SEPARATORS = str.maketrans("", "", " -_./:,;")
_LINES = (
    *("1234567890", "147", "2580", "369", "159", "357"),  # rows, columns and diagonals of a keypad
    *(
        "abcdefghijklmnopqrstuvwxyz",
        "qwertyuiop",
        "qwertzuiop",
        "azertyuiop",
        "asdfghjkl",
        "zxcvbnm",
        "yxcvbnm",
    ),
    *("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm"),  # columns of a keyboard
)
_COST, _BLOCK, _PARALLEL = 2**15, 8, 1
"""scrypt with 32 MiB (RFC 7914): about a tenth of a second for each guess, for whoever holds the hash too."""


def check_pin(pin: str) -> None:
    """Whether this can be a PIN.

    Raises:
        ValueError: it cannot; the message says why, and has nothing of the PIN in it.
    """
    plain = _normal(pin)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise ValueError(f"A PIN has {SHORTEST} to {LONGEST} characters.")
    if _has_a_pattern(plain):
        raise ValueError(
            "That PIN is the first that anybody would try. Choose one without a pattern: digits as dice fall,"
            " or a few words that do not belong together."
        )


def _has_a_pattern(pin: str) -> bool:
    """Whether it is one of the few that people choose most: a row, a repetition, a way over the keys, years.

    Looks at what it is made of only, so that a long one of words is never held against a list.
    """
    text = pin.casefold().translate(_SEPARATORS)
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    if text.isdecimal():
        steps = {step % 10 for step in steps}  # 9 is followed by 0
    return (
        len(text) < SHORTEST  # four digits that are set apart are four digits
        or len({*text}) < FEWEST_DIFFERENT
        or len(steps) == 1
        or any(text[length:] == text[:-length] for length in range(1, len(text) // 2 + 1))
        or re.fullmatch(r"(?:(?:19|20)[0-9]{2}){2,}", text) is not None
        or _goes_along_keys(text)
    )


def _goes_along_keys(text: str) -> bool:
    """Whether it falls into pieces that are one key again and again, or three keys or more in a line."""
    reached = {0}
    for end in range(2, len(text) + 1):
        pieces = (text[start:end] for start in range(end - 1) if start in reached)
        if any(_is_one_key(piece) or _is_in_a_line(piece) for piece in pieces):
            reached.add(end)
    return len(text) in reached


def _is_one_key(piece: str) -> bool:
    return len({*piece}) == 1


def _is_in_a_line(piece: str) -> bool:
    return len(piece) > 2 and any(piece in line or piece[::-1] in line for line in _LINES)


def hash_pin(pin: str) -> str:
    """A hash of a PIN, with its salt and cost in it."""
    salt = secrets.token_bytes(16)
    derived = _derived(pin, salt, _COST, _BLOCK, _PARALLEL)
    return f"scrypt${_COST}${_BLOCK}${_PARALLEL}${salt.hex()}${derived.hex()}"


def is_pin(pin: str, stored: str) -> bool:
    """Whether a hash is that of this PIN."""
    try:
        name, cost, block, parallel, salt, derived = stored.split("$")
        expected = bytes.fromhex(derived)
        found = _derived(pin, bytes.fromhex(salt), int(cost), int(block), int(parallel))
    except (TypeError, ValueError, MemoryError, OverflowError):  # whatever scrypt thinks of a damaged hash
        return False
    return name == "scrypt" and hmac.compare_digest(found, expected)


def _derived(pin: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(
        _normal(pin).encode(errors="surrogatepass"),
        salt=salt,
        n=cost,
        r=block,
        p=parallel,
        maxmem=256 * cost * block,
        dklen=32,
    )


def _normal(pin: str) -> str:
    # The same keys give the same PIN on a phone and on a desktop.
    return unicodedata.normalize("NFKC", pin).strip()
