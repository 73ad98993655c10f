"""The gifts: every hand-written one, then as many variants of them as are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from sendoso_mcp.models import SHIPPED_TYPES, ItemType
from sendoso_mcp.sandbox.dice import dice
from sendoso_mcp.sandbox.shelf_other import CHARITY, DIRECT_MAIL, EGIFT, SWAG
from sendoso_mcp.sandbox.shelf_physical import PHYSICAL
from sendoso_mcp.sandbox.words import slug

_SHELVES = {
    ItemType.PHYSICAL: PHYSICAL,
    ItemType.EGIFT: EGIFT,
    ItemType.SWAG: SWAG,
    ItemType.DIRECT_MAIL: DIRECT_MAIL,
    ItemType.CHARITY: CHARITY,
}

_MAKERS = (
    "by Harbor & Pine|by Oak Lane Goods|by Little Kiln|by Saltwater Supply|by Fennel & Fig|by North Porch"
    "|by Copper Kettle|by Maple & Main|by Wren House|by Lantern Hill|by Tall Grass|by Quiet Mornings"
    "|by Foxglove Studio|by Third Street Makers|by Juniper Row|by Blue Door|by Marigold Market|by Stone Mill"
    "|by Paper Crane|by Cedar & Clay|by Hearth Union|by Sunday Best|by Willow Works|by Old Town Provisions"
).split("|")
_OCCASIONS = (
    "for a Thank You|for a Birthday|for a Promotion|for a New Job|for a Work Anniversary|for a Launch"
    "|for a Signed Contract|for a Great Demo|for a Referral|for the Holidays|for New Parents|for a Wedding"
    "|for a New Home|for a Retirement|for Getting Well|for a Job Well Done|for a Kickoff|for a Renewal"
    "|for a Graduation|for a Conference Speaker|for a Survey Reply|for Customer Day|for a Warm Welcome"
    "|for a Fresh Start"
).split("|")
_COLOURS = (
    "in Forest Green|in Midnight Blue|in Oatmeal|in Charcoal|in Terracotta|in Sage|in Ivory|in Burgundy"
    "|in Slate|in Mustard|in Coral|in Teal|in Lilac|in Rust|in Sand|in Cobalt|in Blush|in Moss|in Graphite"
    "|in Sky|in Plum|in Amber|in Mint|in Black"
).split("|")
_FIRST_TWIST = {
    ItemType.PHYSICAL: _MAKERS,
    ItemType.EGIFT: _OCCASIONS,
    ItemType.SWAG: _COLOURS,
    ItemType.DIRECT_MAIL: _COLOURS,
    ItemType.CHARITY: _OCCASIONS,
}
_SECOND_TWIST = (
    "Winter Edition|Spring Edition|Summer Edition|Autumn Edition|Signature Edition|Classic Edition"
    "|Heritage Edition|Founders Edition|Team Edition|Partner Edition|Customer Edition|Anniversary Edition"
    "|Studio Edition|Coastal Edition|Mountain Edition|City Edition|Garden Edition|Festival Edition"
    "|Limited Edition|Traveller Edition|Sunrise Edition|Evergreen Edition|Harvest Edition|Starlight Edition"
    "|Confetti Edition|Artist Edition|Library Edition|Weekend Edition"
).split("|")

# A search reads these too, so they say nothing that anybody would search for.
_CLOSING = {
    ItemType.PHYSICAL: ("Arrives wrapped.", "Comes with a gift receipt.", ""),
    ItemType.EGIFT: ("Arrives by email within minutes.", "Comes by email and never expires.", ""),
    ItemType.SWAG: ("Printed or stitched to order.", "Made with your logo.", ""),
    ItemType.DIRECT_MAIL: ("Stamped and posted by us.", "Carries the words of your choice.", ""),
    ItemType.CHARITY: ("Given in the recipient's name.", "The receipt comes by email.", ""),
}

_UNAVAILABLE_SHARE = 0.06


@dataclass(frozen=True, slots=True)
class Gift:
    """Something to send. `price` is the list price; only what is shipped has a shipping time."""

    id: str
    name: str
    description: str
    type: ItemType
    price: Decimal
    available: bool
    shipping_time_days: int | None

    @property
    def image_url(self) -> str:
        """A picture of it."""
        return f"https://images.example.com/gifts/{self.id}.jpg"


@dataclass(frozen=True, slots=True)
class _Draft:
    name: str
    words: str
    type: ItemType
    price: Decimal
    promised_days: int | None


def make_gifts(count: int, seed: int) -> list[Gift]:
    """The catalogue of a seed, in a fixed order, with names and ids that never repeat.

    Raises:
        ValueError: for fewer than one gift, or more than the words here can name.
    """
    rng = dice(seed, "gifts")
    by_hand = [draft for type_, shelf in _SHELVES.items() for draft in _read(shelf, type_)]
    most = len(by_hand) * (1 + len(_MAKERS) * (1 + len(_SECOND_TWIST)))
    if not 1 <= count <= most:
        raise ValueError(f"the sandbox can hold 1 to {most:,} gifts, not {count:,}")
    rng.shuffle(by_hand)
    return [_finish(_twisted(by_hand[k % len(by_hand)], k // len(by_hand), rng), rng) for k in range(count)]


def _read(shelf: str, type_: ItemType) -> Iterator[_Draft]:
    for line in shelf.strip().split("\n"):
        name, prices, words, *days = line.split("|")
        amounts = prices.split()
        for amount in amounts:
            full_name = f"{name} ${amount}" if len(amounts) > 1 else name
            yield _Draft(full_name, words, type_, Decimal(amount), int(days[0]) if days else None)


def _twisted(draft: _Draft, number: int, rng: Random) -> _Draft:
    """Variant `number` of a draft: the draft itself, then one twist, then every pair of twists."""
    if number == 0:
        return draft
    first = _FIRST_TWIST[draft.type]
    second, position = divmod(number - 1, len(first))
    # The name shifts the start, so that neighbours in the catalogue do not all share one maker.
    name = f"{draft.name} {first[(position + len(draft.name)) % len(first)]}"
    if second > 0:
        name = f"{name}, {_SECOND_TWIST[second - 1]}"
    price = draft.price
    if draft.type in SHIPPED_TYPES:
        price = (price * rng.randint(85, 130) / 100).quantize(Decimal(1))
    return _Draft(name, draft.words, draft.type, price, None)


def _finish(draft: _Draft, rng: Random) -> Gift:
    ships = draft.type in SHIPPED_TYPES
    gift = Gift(
        id=f"item_{slug(draft.name, '_')}",
        name=draft.name,
        description=f"{draft.words} {rng.choice(_CLOSING[draft.type])}".strip(),
        type=draft.type,
        price=draft.price + (rng.choice((Decimal("0.00"), Decimal("0.50"), Decimal("0.95"))) if ships else 0),
        available=rng.random() >= _UNAVAILABLE_SHARE,
        shipping_time_days=rng.randint(1, 10) if ships else None,
    )
    if draft.promised_days is None:
        return gift
    # Chance was dealt to it all the same, so that a promise changes no other gift.
    return replace(gift, available=True, shipping_time_days=draft.promised_days)
