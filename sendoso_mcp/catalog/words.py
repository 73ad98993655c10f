"""Words: what a text is cut into before it is indexed or looked for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+")
_HYPHENED = re.compile(r"[^\W_]+(?:[-\u2010\u2011][^\W_]+)+")
# NFKD would make letters of them: "Mug™" is a mug.
_MARKS = {ord(mark): " " for mark in "™®©℠"} | {0x2019: "'", 0x02BC: "'"}
_OWNER = re.compile(r"'s\b|s'(?=\W|$)|'")

STOP = frozenset(
    # Words that say nothing about which gift is wanted ...
    """
    a about after all also always am an and another any anybody anyone are around as ask at
    away back be became because become been before being best big bit but buy by can cannot could cute
    day did do does doing done each enough ever every few find for friendly from fun get gets getting
    gift gifts give gives going good got great had happy hard has have having he help her here hers him
    his how i idea ideas if in instead into is it its just keep keeps kind lady least let lets like
    likes long look looking lot love lovely lover loves made make makes making man many may maybe me
    might more most much must my need needs never nice no not nothing now of often on one only or other
    our out over own people perfect person please present presents probably product question quite
    quarter rather really recommend reply right same say see send sending sends shall she should show
    small so some somebody someone something sometimes soon such suggest sure take tell than that the
    their them then there these they thing things this those time to today together tomorrow too try
    under unique until up upon us use useful used very want wants was way we week well were what when
    where which while who whole whom whose why will wish with without woman would yes yet you your
    """
    # ... and those of a price, which has filters of its own.
    """
    bucks budget cheap cost dollar dollars inexpensive less max maximum price usd
    """.split()
)
# Words for what many gifts are: found, but hardly a reason.
_FAINT = frozenset(
    {
        "basket",
        "box",
        "bundle",
        "collection",
        "card",
        "item",
        "kit",
        "new",
        "pack",
        "package",
        "pair",
        "set",
        "team",
        "home",
    }
)
_IRREGULAR = {
    "children": "child",
    "feet": "foot",
    "halves": "half",
    "knives": "knife",
    "leaves": "leaf",
    "loaves": "loaf",
    "men": "man",
    "mice": "mouse",
    "scarves": "scarf",
    "shelves": "shelf",
    "women": "woman",
}


def fold(text: str) -> str:
    """The text without case, accents and apostrophes."""
    plain = unicodedata.normalize("NFKD", text.translate(_MARKS).casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return _OWNER.sub("", plain)


def words_of(text: str) -> list[str]:
    """The words of a text, in order, each without its plural's ending."""
    return [_singular(word) for word in _WORD.findall(fold(text))]


def indexed(text: str) -> list[str]:
    """The words under which a text is found: its own, and what hyphens join (`pour-over` as `pourover`)."""
    plain = fold(text)
    joined = ["".join(_WORD.findall(compound)) for compound in _HYPHENED.findall(plain)]
    return [_singular(word) for word in [*_WORD.findall(plain), *joined]]


def meaningful(words: Sequence[str]) -> list[str]:
    """The words that say which gift is wanted; all of them if none does."""
    return [word for word in words if not is_stop(word)] or list(words)


def is_stop(word: str) -> bool:
    """Whether a word, as `words_of` gives it, says nothing about which gift is wanted."""
    return word in _STOPPED


def is_faint(word: str) -> bool:
    """Whether a word, as `words_of` gives it, is true of so many gifts that it hardly tells them apart."""
    return word in _FAINT


def _singular(word: str) -> str:
    """The same for a word and its plural; not always a word itself (cookie and cookies: `cooky`)."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith(("ies", "ie")):
        word = word[: word.rindex("ie")] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")):
        word = word[:-1]
    # box, boxes; glass, glasses; watch, watches; brush, brushes; and so case, cases.
    return word[:-1] if len(word) > 3 and word.endswith(("se", "xe", "ze", "che", "she")) else word


_STOPPED = frozenset(_singular(word) for word in STOP)
