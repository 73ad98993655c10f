"""The sends that a server is killed in: every way of a call, and what it ends as if nobody is killed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sendoso_mcp.spending.ledger import Intent

LIMIT = 116
"""USD. The story needs as much with a yes to everything, and with all that may stay held."""
POLICY = f"""
[limits]
per_send = 100
per_day = {LIMIT}
per_month = {LIMIT}
per_recipient_per_year = {LIMIT}
cost_allowance_percent = 12
[approval]
ask_above = 22.50
read_seconds = 0
[api]
requests_per_second = 1000
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One call, and what it ends as if nobody is killed. Without an item it is the cancel."""

    name: str
    ends: str
    item: str = ""


GIFTS = 60
"""So many has the sandbox: few enough for one page, so that a start is not spent reading."""
ASKED = Step("asked", "sent", "item_pet_supply_egift_card_25")
# Policy asks nobody. With shipping it is dearer than what was held.
UNASKED = Step("unasked", "sent", "item_gamers_egift_card_20")
# Nor here. Sendoso makes it, and its answer is lost on the way (see `line`).
LOST = Step("lost", "sent", "item_donation_to_reforestation_fund_20")
DENIED = Step("denied", "denied", "item_prepaid_visa_style_reward_card_200")
DECLINED = Step("declined", "declined", ASKED.item)
# To be shipped, and there is no address.
REFUSED = Step("refused", "refused", "item_enamel_pin_set")
CANCEL = Step("cancel", "cancelled")
STORY = (ASKED, UNASKED, LOST, DENIED, DECLINED, REFUSED, CANCEL)


@dataclass(frozen=True, slots=True)
class Left:
    """What there is at one moment: the gifts of a run at Sendoso by id, and the intents in its ledger."""

    gifts: dict[str, dict[str, Any]] = field(default_factory=dict)
    intents: tuple[Intent, ...] = ()

    def gifts_of(self, step: Step) -> list[dict[str, Any]]:
        return [gift for gift in self.gifts.values() if gift["message"].split()[0] == step.name]

    def standing(self, step: Step) -> list[Intent]:
        return [intent for intent in self.intents if intent.key == step.name]


@dataclass(frozen=True, slots=True)
class Told:
    """What a call was answered, and what its life began with."""

    life: int
    step: Step
    outcome: str
    send_id: str | None
    before: Left
    words: str
