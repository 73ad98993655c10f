"""Text without its case, accents and punctuation, for searching and for ids."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[a-z0-9]+")
_LETTERS_THAT_DO_NOT_DECOMPOSE = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "\N{LATIN SMALL LETTER DOTLESS I}": "i", "æ": "ae", "œ": "oe"}
)


def plain(text: str) -> str:
    """Folds case and takes the accents off, so that "Chloe" finds "Chloé"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return bare.translate(_LETTERS_THAT_DO_NOT_DECOMPOSE)


def slug(text: str, joint: str) -> str:
    """The text as it can stand in an id or a domain: its plain letters and digits, words joined."""
    return joint.join(_WORD.findall(plain(text).replace("'", "").replace("&", " and ")))
