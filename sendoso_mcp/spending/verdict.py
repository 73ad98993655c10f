"""May this gift be sent? A pure function of the quote, of what the ledger says is used, and of policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sendoso_mcp.fields import in_usd
from sendoso_mcp.models import EMAILED_TYPES, ItemType
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.limits import (
    DUPLICATE_WITHIN,
    SENDS,
    Hold,
    Limit,
    Usage,
    envelope_hold,
    holds_for,
    usd,
)
from sendoso_mcp.spending.mailboxes import covers, is_address, normalised_email
from sendoso_mcp.spending.policy import Policy, country_code
from sendoso_mcp.spending.quote import Quote


class Effect(StrEnum):
    """What a reason does to a send; of several, the strictest counts."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: a stable code, its effect, and one sentence for a person or a model.

    For a limit also the three figures, in USD or, where the limit counts sends, in sends: the limit itself,
    what would stand under it with this send, and what is left of it without this send.
    """

    code: str
    effect: Effect
    text: str
    limit: Decimal | int | None = None
    value: Decimal | int | None = None
    headroom: Decimal | int | None = None
    about: str = ""
    """What it is about where one code can be about several things, such as an earlier gift."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every reason that applies, not only the first."""

    reasons: tuple[Reason, ...]

    @property
    def deciding(self) -> tuple[Reason, ...]:
        """The reasons with the strictest effect: the ones that explain it."""
        return tuple(reason for reason in self.reasons if reason.effect is self.effect)

    @property
    def effect(self) -> Effect:
        """The strictest effect among the reasons."""
        effects = {reason.effect for reason in self.reasons}
        return next((effect for effect in (Effect.DENY, Effect.ASK) if effect in effects), Effect.ALLOW)

    @property
    def asks(self) -> frozenset[str]:
        """What a person has to know of before they say yes: a yes covers these and no others."""
        return frozenset(
            f"{reason.code}:{reason.about}" for reason in self.reasons if reason.effect is Effect.ASK
        )

    @property
    def in_envelope(self) -> bool:
        """Whether a person said yes in advance."""
        return any(reason.code == INSIDE_ENVELOPE for reason in self.reasons)

    @property
    def outside_chat(self) -> bool:
        """Whether a form in the chat is not enough."""
        return any(reason.code == OUTSIDE_CHAT for reason in self.reasons)


OUTSIDE_CHAT = "outside_chat_required"
INSIDE_ENVELOPE = "inside_envelope"
MUST_APPROVE = "person_must_approve"
MADE_BY_ASSISTANT = "recipient_made_by_assistant"
_ASKS = {
    MUST_APPROVE: "A person must say yes to this gift at this price.",
    OUTSIDE_CHAT: "For a gift of this price a form in the chat is not enough.",
    "email_unknown": (
        "Policy has rules by email, and this person has none that can be read: which apply is unknown."
    ),
    "country_unknown": "Policy denies some countries, and it is not known where this person is.",
    "no_email": "This gift goes by email and the recipient has no email address, so Sendoso may refuse it.",
    "no_postal_address": (
        "This gift is shipped and the recipient has no postal address, so Sendoso may refuse it."
    ),
    MADE_BY_ASSISTANT: "The assistant added a recipient with this email: check name and address.",
}
"""What a person is asked for, by code."""

# Reason codes of limits: the policy's key, as what happened.
_OVER = {
    "per_send": "over_per_send",
    "per_day": "over_per_day",
    "per_month": "over_per_month",
    "per_recipient_per_year": "over_per_recipient_per_year",
    "sends_per_hour": "over_sends_per_hour",
    "team_budget": "over_team_budget",
}
_WHAT = {
    "per_send": "one send",
    "per_day": "one day",
    "per_month": "one month",
    "per_recipient_per_year": "one person in 365 days",
}


def judge(quote: Quote, usage: Usage, policy: Policy, now: datetime, *, keyed: bool = False) -> Verdict:
    """Allow, ask or deny, with every reason.

    Args:
        quote: what is to be sent.
        usage: what is used of each bucket in `holds_for(quote, policy, now)`.
        policy: the rules.
        now: the moment, aware.
        keyed: whether the caller gave an idempotency key; without one a second gift is asked about.
    """
    reasons = [
        *_item(quote, policy),
        *_recipient(quote, policy),
        *_amounts(quote, usage, policy, now),
    ]
    twice = [] if keyed else list(_duplicates(quote, usage, now))
    asks = list(_asks(quote, policy))
    if (
        usage.envelope is not None
        and not any(one.effect is Effect.ASK for one in (*reasons, *twice))
        and asks
    ):
        # It stands for the yes to a price. Whatever else a person has to know of, they are asked about.
        asks = [_enveloped(usage.envelope, usage)]
    found = (*reasons, *asks, *twice)
    if usage.made_by_assistant and any(one.effect is Effect.ASK for one in found):
        # An assistant may add whom it likes, so this by itself makes nobody be asked about. But whoever is
        # asked has to know it, and a yes covers it like the rest.
        found = (*found, Reason(MADE_BY_ASSISTANT, Effect.ASK, _ASKS[MADE_BY_ASSISTANT]))
    return Verdict(found)


def _enveloped(envelope: Envelope, usage: Usage) -> Reason:
    left = envelope.sends - usage.of(envelope_hold(envelope).bucket)
    text = f"A person allowed this in advance, in the envelope {envelope.id}, which has room for {left} more."
    return Reason(INSIDE_ENVELOPE, Effect.ALLOW, text, about=envelope.id)


def _item(quote: Quote, policy: Policy) -> Iterator[Reason]:
    item = quote.order.item
    if item.available is False:
        yield Reason("item_unavailable", Effect.DENY, "This gift is not available now. Choose another.")
    denied: list[tuple[str, frozenset[str]]] = [("Policy", frozenset(policy.items.deny_types))]
    rules = policy.rules_for(quote.order.recipient.email)
    denied += [(f"The rule {rule.name}", frozenset(rule.deny_types)) for rule in rules]
    for who, types in denied:
        if not types:
            continue
        if item.type in types:
            text = f"{who} does not let gifts of the type {item.type} be sent to this person."
            yield Reason("type_denied", Effect.DENY, text)
        elif item.type not in frozenset(ItemType):
            text = f"{who} forbids some types of gifts, and it is not known which type this one is."
            yield Reason("type_unknown", Effect.DENY, text)
    if quote.price is None:
        yield Reason("price_unknown", Effect.DENY, "Sendoso gives no price for this gift.")
    if quote.budget.remaining is None:
        yield Reason("budget_unknown", Effect.DENY, "Sendoso does not say what is left to spend.")


def _recipient(quote: Quote, policy: Policy) -> Iterator[Reason]:
    recipient, rules = quote.order.recipient, policy.recipients
    email = recipient.email or ""
    readable = is_address(email)
    if email:
        if normalised_email(email) in rules.do_not_gift:
            yield Reason("do_not_gift", Effect.DENY, "This person is on policy's do-not-gift list.")
        if covers(rules.deny_domains, email):
            yield Reason("domain_denied", Effect.DENY, "Policy lets nobody at this email domain get gifts.")
    if rules.allow_domains and not readable:
        text = "Policy allows certain email domains only, and this person has no email that can be read."
        yield Reason("domain_not_allowed", Effect.DENY, text)
    elif rules.allow_domains and not covers(rules.allow_domains, email):
        yield Reason("domain_not_allowed", Effect.DENY, "Policy's list of email domains lacks this one.")
    elif not readable and (
        policy.looks_at_emails or (email and policy.limits.per_recipient_per_year is not None)
    ):
        yield Reason("email_unknown", Effect.ASK, _ASKS["email_unknown"])
    country = country_code(recipient.address.country) if recipient.address else None
    if country in rules.deny_countries:
        text = f"Policy lets no gifts go to {country}."
        yield Reason("country_denied", Effect.DENY, text)
    elif country is None and rules.deny_countries:
        yield Reason("country_unknown", Effect.ASK, _ASKS["country_unknown"])
    by_email = quote.order.item.type in EMAILED_TYPES
    if by_email and not email:
        yield Reason("no_email", Effect.ASK, _ASKS["no_email"])
    if not by_email and (recipient.address is None or not recipient.address.street1):
        text = (
            f"{_ASKS['no_postal_address']} No tool can add one: choose an e-gift or a charity, or a person "
            "adds the address in Sendoso."
        )
        yield Reason("no_postal_address", Effect.ASK, text)


def _amounts(quote: Quote, usage: Usage, policy: Policy, now: datetime) -> Iterator[Reason]:
    for hold in holds_for(quote, policy, now):
        if quote.price is None and hold.bucket.key != SENDS:
            continue  # No gift without a price is sent, and no sentence about its price would be true.
        used = usage.of(hold.bucket)
        for limit in hold.limits:
            if used + hold.adds > limit.most:
                yield _over(limit, hold, used, quote, policy)


def _over(limit: Limit, hold: Hold, used: int, quote: Quote, policy: Policy) -> Reason:
    counts = hold.bucket.key == SENDS
    most, value = _figure(limit.most, counts=counts), _figure(used + hold.adds, counts=counts)
    left = _figure(max(0, limit.most - used), counts=counts)
    key = limit.name.rpartition(".")[2]
    held = policy.to_hold(quote.price or Decimal(0))
    cost = "The price" if held == quote.price else "The price with policy's allowance for shipping"
    if counts:
        wait = f"Policy allows {most} sends an hour; wait until fewer were sent in the last hour."
        text = wait if limit.most else "Policy allows no sends at all (0 an hour)."
    elif key == "team_budget":
        kept = policy.limits.keep_in_budget
        keep = f", of which policy keeps {in_usd(kept)}" if kept else ""
        pending = f", of which sends that it does not show yet hold {in_usd(usd(used))}" if used else ""
        remaining = in_usd(quote.budget.remaining or Decimal(0))
        text = (
            f"{cost} of {in_usd(held)} is more than may be spent of the {remaining} left in the team's "
            f"budget{keep}{pending}."
        )
    else:
        whose = f"The rule {limit.name.split('.')[1]}" if limit.name.startswith("rules.") else "Policy"
        spent = f", and {in_usd(usd(used))} of it are used" if used else ""
        text = f"{cost} is {in_usd(held)}. {whose} allows {in_usd(usd(limit.most))} for {_WHAT[key]}{spent}."
    code = f"rule_{key}" if limit.name.startswith("rules.") else _OVER[key]
    return Reason(code, Effect.DENY, text, limit=most, value=value, headroom=left, about=limit.name)


def _figure(value: int, *, counts: bool) -> Decimal | int:
    return value if counts else usd(value)


def _asks(quote: Quote, policy: Policy) -> Iterator[Reason]:
    if quote.price is None:
        return
    cost, rules = policy.to_hold(quote.price), policy.approval
    # Zero means every gift: one whose list price is nothing costs shipping and fees all the same.
    if cost > rules.ask_above or not rules.ask_above:
        yield Reason(MUST_APPROVE, Effect.ASK, _ASKS[MUST_APPROVE])
    if cost > rules.outside_chat_above or not rules.outside_chat_above:
        text = (
            f"Over {in_usd(rules.outside_chat_above)} a form in the chat is not enough: "
            "a person must approve outside the chat."
        )
        yield Reason(OUTSIDE_CHAT, Effect.ASK, text)


def why(ask: str) -> str:
    """One of a verdict's `asks` as a sentence, for whoever did not see the verdict."""
    code, _, about = ask.partition(":")
    if code == "near_duplicate":
        return (
            f"A gift for this person was ordered before (intent {about}), and this one has no key of its own."
        )
    return _ASKS.get(code, code)


def _duplicates(quote: Quote, usage: Usage, now: datetime) -> Iterator[Reason]:
    for earlier in usage.earlier:
        same = earlier.item_id == quote.request.item_id
        if not same and now - earlier.at > DUPLICATE_WITHIN:
            continue
        what = "This very gift" if same else "Another gift"
        state = f"as {earlier.send_id}" if earlier.send_id else "and it is not known yet what came of it"
        text = f"{what} was ordered for this person on {earlier.at:%Y-%m-%d at %H:%M} UTC, {state}."
        yield Reason("near_duplicate", Effect.ASK, text, about=earlier.intent_id)
