"""What may be spent, on whom and on what, and when a person must say yes; read by `policy_file`."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from decimal import ROUND_UP, Decimal
from functools import cached_property
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    model_validator,
)

from sendoso_mcp.fields import CENT
from sendoso_mcp.models import ItemType


def _whole_cents(value: Decimal) -> Decimal:
    if value != value.quantize(CENT):
        raise ValueError("is an amount in USD and must have at most two decimals")
    return value.quantize(CENT)


def _not_a_boolean(value: object) -> object:
    # TOML has booleans of its own, and Python would count `true` as one dollar.
    if isinstance(value, bool | str):
        raise ValueError("must be a number, not text and not true or false")
    return value


def _domain(value: str) -> str:
    """A domain as `covers` compares it: `example.com`, or `*.example.com` for all below it."""
    plain = value.strip()
    rest = to_ascii(plain.removeprefix("*."))
    if not _DOMAIN.fullmatch(rest):
        raise ValueError("is not a domain: write example.com, or *.example.com for all domains below it")
    if plain.startswith("*."):
        return f"*.{rest}"
    if "." not in rest:
        # Nobody has an email there, so it would look like a rule and never apply.
        raise ValueError("is not the domain of an email: write *.gov to mean every domain below gov")
    return rest


def email_address(value: str) -> str:
    """An email as policy compares it; a ValueError says what else it is."""
    if not is_address(value):
        raise ValueError(
            "is not an email address, such as ann@example.com; deny_domains is for whole domains"
        )
    return normalised_email(value)


def _country(value: str) -> str:
    code = country_code(value)
    if code is None:
        raise ValueError("is not an ISO 3166-1 alpha-2 country code, such as US or DE")
    return code


_Number = BeforeValidator(_not_a_boolean)
Usd = Annotated[
    Decimal, _Number, Field(ge=0, lt=Decimal("1e9"), allow_inf_nan=False), AfterValidator(_whole_cents)
]
Domains = tuple[Annotated[str, AfterValidator(_domain)], ...]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Section):
    """USD; a limit that is None is not applied. Days and months are UTC's, a year is the last 365 days."""

    per_send: Usd | None = None
    per_day: Usd | None = None
    per_month: Usd | None = None
    per_recipient_per_year: Usd | None = None
    sends_per_hour: Annotated[int, _Number, Field(ge=0, le=1_000_000)] | None = None
    keep_in_budget: Usd = Decimal("0.00")
    cost_allowance_percent: Annotated[Decimal, _Number, Field(ge=0, le=1000, allow_inf_nan=False)] = Decimal(
        0
    )


class ApprovalRules(_Section):
    """When and how a person is asked; what is left out asks about every gift that costs something."""

    ask_above: Usd = Decimal("0.00")
    outside_chat_above: Usd = Decimal("500.00")
    read_seconds: Annotated[Decimal, _Number, Field(ge=0, le=60, allow_inf_nan=False)] = Decimal(1)
    """An answer in the chat that comes sooner was given by no person."""
    answer_within_hours: Annotated[Decimal, _Number, Field(gt=0, le=720, allow_inf_nan=False)] = Decimal(24)
    """For how long a question can be answered, and the yes to it used."""
    envelopes: StrictBool = True
    """Whether a person may allow sends in advance."""
    ask_to_cancel: StrictBool = True


class RecipientRules(_Section):
    """Who gets nothing. `allow_domains`, where it names any, is all there is."""

    deny_domains: Domains = ()
    allow_domains: Domains = ()
    do_not_gift: tuple[Annotated[str, AfterValidator(email_address)], ...] = ()
    deny_countries: tuple[Annotated[str, AfterValidator(_country)], ...] = ()


class ItemRules(_Section):
    """What is not sent to anybody."""

    deny_types: tuple[ItemType, ...] = ()


class Rule(_Section):
    """Stricter rules for a class of people, known by their email domains."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    email_domains: Annotated[Domains, Field(min_length=1)]
    per_send: Usd | None = None
    per_recipient_per_year: Usd | None = None
    deny_types: tuple[ItemType, ...] = ()

    @model_validator(mode="after")
    def _rules_something(self) -> Rule:
        if self.per_send is None and self.per_recipient_per_year is None and not self.deny_types:
            raise ValueError("needs a limit: per_send, per_recipient_per_year or deny_types")
        return self


class ReconcileRules(_Section):
    """How a send whose answer was lost is found again."""

    mark_in_crm_id: StrictBool = False
    """Whether an order without a CRM id may carry a mark of ours in its place."""


class ApiRules(_Section):
    """How hard Sendoso may be asked; shared by all that use one ledger."""

    requests_per_second: Annotated[int, _Number, Field(ge=1, le=1000)] = 10


class Policy(_Section):
    """One policy. `version` changes with everything in it."""

    limits: Limits = Limits()
    approval: ApprovalRules = ApprovalRules()
    recipients: RecipientRules = RecipientRules()
    items: ItemRules = ItemRules()
    rules: tuple[Rule, ...] = ()
    reconcile: ReconcileRules = ReconcileRules()
    api: ApiRules = ApiRules()

    @model_validator(mode="after")
    def _names_differ(self) -> Policy:
        names = [rule.name for rule in self.rules]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two rules are named {min(twice)}; every rule needs a name of its own")
        return self

    @cached_property
    def document(self) -> str:
        """The whole policy as canonical JSON."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits that name this policy and no other."""
        return version_of(self.document)

    def rules_for(self, email: str | None) -> tuple[Rule, ...]:
        """Every rule whose class the person with this email belongs to."""
        return tuple(rule for rule in self.rules if email and covers(rule.email_domains, email))

    @property
    def looks_at_emails(self) -> bool:
        """Whether something in it depends on the recipient's email."""
        people = self.recipients
        return bool(self.rules or people.deny_domains or people.allow_domains or people.do_not_gift)

    def to_hold(self, price: Decimal) -> Decimal:
        """What a gift of this list price may cost with shipping, in USD, rounded up to a cent."""
        factor = 1 + self.limits.cost_allowance_percent / 100
        return (price * factor).quantize(CENT, rounding=ROUND_UP)


def version_of(document: str) -> str:
    """The version of a policy whose `document` is given."""
    return hashlib.sha256(document.encode()).hexdigest()[:12]


_DOMAIN = re.compile(r"(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)[a-z0-9-]{1,63}(?<!-)")
_AT = re.compile("[@\uff20\ufe6b]")
_LOCAL = re.compile(r"""[^\s@<>()\[\],:;"\\*\x00-\x1f\x7f]{1,64}""")
# Not in ISO 3166-1, and in use all the same.
_COUNTRY_ALIASES = {"UK": "GB", "EL": "GR"}


def covers(domains: Domains, email: str) -> bool:
    """Whether an email's domain is one of these; `*.example.com` is every domain below example.com."""
    domain = to_ascii(_domain_part(email))
    return any(
        domain.endswith(pattern[1:]) if pattern.startswith("*.") else domain == pattern for pattern in domains
    )


def is_address(email: str) -> bool:
    """Whether this is one plain email address, and not a name with one, two of them, or a dash."""
    # As it is written: what is ASCII only once it is folded (as ß is), or once what cannot be seen is left
    # out, is another mailbox. And all of it: what follows a `+` is mailed to, and makes nobody else.
    local, *domains = _AT.split(email.strip())
    if len(domains) != 1 or not local.isascii() or _seen(email) != email:
        return False
    # A domain that can have no name in the DNS is nobody's: never the one that it looks like.
    domain = _dns_name(domains[0]) or ""
    return "." in domain and bool(_LOCAL.fullmatch(local.casefold()) and _DOMAIN.fullmatch(domain))


def normalised_email(email: str) -> str:
    """The same for every spelling of one mailbox: case, and what follows a `+`, make no other person."""
    local = _folded(email).rpartition("@")[0]
    return f"{local.partition('+')[0].strip() or local}@{to_ascii(_domain_part(email))}"


def _domain_part(email: str) -> str:
    """What follows the last `@`, which may be one of the wide or small ones."""
    return _AT.split(email)[-1]


def to_ascii(domain: str) -> str:
    """A domain as it is written in the DNS, without a dot at its end; where it can be none, much like it."""
    return _dns_name(domain) or _folded(domain).rstrip(".")


def _dns_name(domain: str) -> str | None:
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


def country_code(text: str | None) -> str | None:
    """Two capital letters; None where it is written in another way and nobody can say what is meant."""
    code = (text or "").strip().upper()
    if not (len(code) == 2 and code.isascii() and code.isalpha()):
        return None
    return _COUNTRY_ALIASES.get(code, code)


def _folded(text: str) -> str:
    """Without what makes two spellings of one address differ: case, width, invisible characters, space."""
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
