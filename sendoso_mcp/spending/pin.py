"""The approver's PIN: kept only as a salted hash that is slow to guess against."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from itertools import pairwise

SHORTEST, LONGEST = 6, 64
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
    steps = {ord(after) - ord(before) for before, after in pairwise(plain)}
    if len(steps) == 1 and steps <= {-1, 0, 1}:
        raise ValueError("That PIN is the first that anybody would try.")


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
