"""The same text, and so the same hash, for the same row."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def _not_ours(value: object) -> object:
    """What no row of ours has, such as bytes: a changed row must have a hash too, if another one."""
    return {type(value).__name__: repr(value)}


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_not_ours)


def canonical(value: object) -> str:
    """JSON that is the same for the same value."""
    return _JSON.encode(value)


def hash_of_row(row: tuple[Any, ...]) -> str:
    """The hash of a row's values."""
    return digest_of(canonical(list(row)))


def digest_of(text: str) -> str:
    """A text's SHA-256, in hexadecimal."""
    # A changed byte may have made the text one that is no text any more.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
