"""Text from outside is data: it is cleaned and cut before a model or a person sees it."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_KEPT_CONTROLS = frozenset("\n\t")
# Invisible characters that Unicode does not class as format characters (Cf).
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u180b\u180c\u180d\u180f\u17b4\u17b5")
# What looks like the quotation mark that would end a quoted text, and what a client may take for markup.
_QUOTES = frozenset(
    '"\uff02\u201e\u201a\u275d\u275e\u275b\u275c\u301d\u301e\u301f\u3003\u2033\u2036\u02ba\u02ee\u05f4'
)
_PLAIN = {"<": "(", ">": ")", "[": "(", "]": ")", "`": "'", "*": "·", "~": "-", "|": "/"}
_ENTITY = re.compile(r"&(?=#|\w+;)")
_SELECTORS = re.compile("[\ufe0e\ufe0f]{2,}")
_SCHEME = re.compile(r"\b(javascript|data|vbscript|file|blob|mailto|tel|sms)\s*:(?=\S)", re.IGNORECASE)
LONGEST = 2_000
"""Characters: no field of Sendoso's contract is meant to be longer."""


def clean(text: str, *, longest: int = LONGEST) -> str:
    """Removes control, bidirectional, zero-width and other invisible characters; cuts what is too long.

    Line breaks and tabs stay. A cut is shown by an ellipsis.
    """
    # Cut before the work too: what is far too long is not worth reading to its end.
    kept = "".join(char for char in text[: 8 * longest] if _visible(char))
    # One selector may choose how an emoji looks; a row of them can only hide something.
    kept = _SELECTORS.sub(lambda row: row[0][0], kept)
    kept = _stacked(kept).strip()
    return kept if len(kept) <= longest else kept[: longest - 1].rstrip() + "…"


def clean_line(text: str, *, longest: int) -> str:
    """As `clean`, on one line."""
    return clean(" ".join(clean(text).split()), longest=longest)


def defused(text: str) -> str:
    """The text with its links broken, for the eye too: `https: //`, `javascript :`."""
    return _SCHEME.sub(r"\1 :", text.replace("://", ": //"))


def quoted(text: str, *, longest: int = 120) -> str:
    """One line set apart by quotation marks that it cannot close itself, and without markup or links.

    What is too long is cut in its middle: an address ends with what matters most, its domain or its city.
    """
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}…{text[1 - LONGEST // 2 :]}"
    line = clean_line(text, longest=LONGEST)
    if len(line) > longest:
        tail = longest // 3
        line = f"{line[: longest - tail - 1].rstrip()}…{line[len(line) - tail :].lstrip()}"
    line = _ENTITY.sub("& ", defused(line))
    inner = "".join("'" if _quotes(char) else _PLAIN.get(char, char) for char in line)
    return f'"{inner}"'


def _quotes(char: str) -> bool:
    return unicodedata.category(char) in ("Pi", "Pf") or char in _QUOTES


def _stacked(text: str) -> str:
    """At most three combining marks in a row: more of them overprint the lines around."""
    marks, kept = 0, []
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= 3:
            kept.append(char)
    return "".join(kept)


def clean_data(value: Any) -> Any:
    """Every string in JSON-like data cleaned, and every null left out."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {key: clean_data(entry) for key, entry in value.items() if entry is not None}
        case list():
            return [clean_data(entry) for entry in value if entry is not None]
        case _:
            return value


def _visible(char: str) -> bool:
    if char in _KEPT_CONTROLS:
        return True
    # Cc control, Cf format (zero-width, bidi, tags), Co/Cn private or unassigned, Cs surrogates,
    # Zl/Zp line and paragraph separators.
    if unicodedata.category(char) in {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"} or char in _INVISIBLE:
        return False
    # Variation selectors, but for the two that choose text or picture: they carry hidden messages.
    return not ("\ufe00" <= char <= "\ufe0d" or "\U000e0100" <= char <= "\U000e01ef")
