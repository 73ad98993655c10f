"""May this gift be sent? A pure function of the quote.

The team's remaining budget is the one limit so far, and every paid or free gift needs a person's yes.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from sendoso_mcp.spending.quote import Quote


class Effect(StrEnum):
    """What a reason does to a send; of several, the strictest counts."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: a stable code, its effect, and one sentence for a person or a model."""

    code: str
    effect: Effect
    text: str


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


def judge(quote: Quote) -> Verdict:
    """Allow, ask or deny, with every reason."""
    return Verdict((*_item(quote), *_budget(quote), *_recipient(quote), _APPROVAL))


_APPROVAL = Reason("person_must_approve", Effect.ASK, "A person must say yes to this gift at this price.")


def _item(quote: Quote) -> list[Reason]:
    if quote.order.item.available is False:
        return [Reason("item_unavailable", Effect.DENY, "This gift is not available now. Choose another.")]
    return []


def _budget(quote: Quote) -> list[Reason]:
    price, remaining = quote.price, quote.budget.remaining
    after = quote.budget_after
    reasons = []
    if price is None:
        reasons.append(Reason("price_unknown", Effect.DENY, "Sendoso gives no price for this gift."))
    if remaining is None:
        reasons.append(Reason("budget_unknown", Effect.DENY, "Sendoso does not say what is left to spend."))
    if price is not None and remaining is not None and after is not None and after < 0:
        reasons.append(
            Reason(
                "over_team_budget",
                Effect.DENY,
                f"The price of {usd(price)} is more than the {usd(remaining)} left in the team's budget.",
            )
        )
    return reasons


def _recipient(quote: Quote) -> list[Reason]:
    recipient = quote.order.recipient
    by_email = quote.ships_to is None
    if by_email and not recipient.email:
        text = "This gift goes by email and the recipient has no email address, so Sendoso may refuse it."
        return [Reason("no_email", Effect.ASK, text)]
    if not by_email and (recipient.address is None or not recipient.address.street1):
        text = (
            "This gift is shipped and the recipient has no postal address, so Sendoso may refuse it. No tool "
            "can add one: choose an e-gift or a charity, or a person adds the address in Sendoso."
        )
        return [Reason("no_postal_address", Effect.ASK, text)]
    return []


def usd(amount: Decimal) -> str:
    """An amount as people read it: `1,234.50 USD`."""
    return f"{amount:,.2f} USD"
