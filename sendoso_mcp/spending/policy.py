"""What may be spent, on whom and on what, and when a person must say yes; read by `policy_file`."""

from __future__ import annotations

import hashlib
import json
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
from sendoso_mcp.spending.mailboxes import covers, is_address, is_domain, normalised_email, to_ascii


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
    if not is_domain(rest):
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


# Not in ISO 3166-1, and in use all the same.
_COUNTRY_ALIASES = {"UK": "GB", "EL": "GR"}


def country_code(text: str | None) -> str | None:
    """Two capital letters; None where it is written in another way and nobody can say what is meant."""
    code = (text or "").strip().upper()
    if not (len(code) == 2 and code.isascii() and code.isalpha()):
        return None
    return _COUNTRY_ALIASES.get(code, code)
