"""Emails and their domains: who an address is of, as far as that can be seen from it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_DOMAIN = re.compile(r"(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)[a-z0-9-]{1,63}(?<!-)")
_AT = re.compile("[@\uff20\ufe6b]")
# Without what some mailers take for another address: encoded words (RFC 2047), `%` and `!` (source routes).
_LOCAL = re.compile(r"""(?!.*=\?)[^\s@<>()\[\],:;"\\*%!\x00-\x1f\x7f]{1,64}""")


def is_domain(text: str) -> bool:
    """Whether this can be a domain, as `to_ascii` gives it."""
    return bool(_DOMAIN.fullmatch(text))


def covers(domains: Iterable[str], email: str) -> bool:
    """Whether an email's domain is one of these; `*.example.com` is every domain below example.com."""
    domain = to_ascii(domain_part(email))
    return any(
        domain.endswith(pattern[1:]) if pattern.startswith("*.") else domain == pattern for pattern in domains
    )


def is_address(email: str) -> bool:
    """Whether this is one plain email address, and not a name with one, two of them, or a dash."""
    # As it is written: what is ASCII only once it is folded (as ß is), or once what cannot be seen is left
    # out, is another mailbox. And all of it: what follows a `+` is mailed to, and makes nobody else.
    local, at, written = email.strip().partition("@")
    if not at or not local.isascii() or _seen(email) != email:
        return False
    # A domain that can have no name in the DNS is nobody's: never the one that it looks like.
    domain = dns_name(written) or ""
    return "." in domain and bool(_LOCAL.fullmatch(local.casefold()) and _DOMAIN.fullmatch(domain))


def look_alike(email: str) -> str | None:
    """What a person must know of an address with letters that can look like others; None if it has none."""
    if email.isascii() or not _AT.search(email):
        return None
    name = dns_name(domain_part(email))
    # A name of this kind is plain ASCII: nothing in it can end a quotation or add a line.
    return f'its domain in the DNS is "{name}"' if name else "its domain can have no name in the DNS"


def normalised_email(email: str) -> str:
    """The same for every spelling of one mailbox: case, and what follows a `+`, make no other person."""
    local = _folded(email).rpartition("@")[0]
    return f"{local.partition('+')[0].strip() or local}@{to_ascii(domain_part(email))}"


def domain_part(email: str) -> str:
    """What follows the last `@`, which may be one of the wide or small ones."""
    return _AT.split(email)[-1]


def to_ascii(domain: str) -> str:
    """A domain as it is written in the DNS, without a dot at its end; where it can be none, much like it."""
    return dns_name(domain) or _folded(domain).rstrip(".")


def dns_name(domain: str) -> str | None:
    """The name that a domain has in the DNS; None if it can have none.

    By IDNA 2008 (RFC 5891, UTS 46). By the rules before it straße.de was strasse.de, somebody else's.
    """
    plain = domain.strip()
    if plain.isascii():
        return _folded(plain).rstrip(".")
    import idna  # noqa: PLC0415 - few domains need it, and no start

    try:
        mapped = idna.uts46_remap(plain, std3_rules=False, transitional=False).rstrip(".")
        # Label by label: a plain one that IDNA would not register (ab--cd) says nothing about the others.
        return ".".join(
            label.casefold() if label.isascii() else idna.alabel(label).decode()
            for label in mapped.split(".")
        )
    except (idna.IDNAError, UnicodeError):
        return None


def _folded(text: str) -> str:
    """Without what makes two spellings of one address differ: case, width, invisible characters, space."""
    if text.isascii() and text.isprintable():
        return text.casefold().strip()  # there is nothing to take out, and this is on the way of every send
    # Before and after: a filler can become another one by being normalised.
    plain = _seen(unicodedata.normalize("NFKC", _seen(text)))
    return plain.casefold().strip()


# Default ignorable code points that are no format characters (Unicode's DerivedCoreProperties), and the
# Braille blank.
_IGNORABLE = frozenset(
    (
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0000, 0xE1000)),
    )
)


def _seen(text: str) -> str:
    return "".join(char for char in text if not _is_hidden(char))


def _is_hidden(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind == "Cf" or ord(char) in _IGNORABLE or (kind == "Cc" and not char.isspace())
