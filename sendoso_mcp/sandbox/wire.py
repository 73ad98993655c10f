"""How things look as JSON. What is not known is left out, save where the contract says null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any, TypeVar

from sendoso_mcp.sandbox.catalogue import Gift
from sendoso_mcp.sandbox.journey import PlacedSend, Progress
from sendoso_mcp.sandbox.people import Person, PostalAddress
from sendoso_mcp.sandbox.reports import Report
from sendoso_mcp.sandbox.world import Budget, Team

T = TypeVar("T")


def gift_json(gift: Gift) -> dict[str, Any]:
    """An InventoryItem."""
    return {
        "id": gift.id,
        "name": gift.name,
        "description": gift.description,
        "type": gift.type,
        "price": float(gift.price),
        "image_url": gift.image_url,
        "available": gift.available,
        "shipping_time_days": gift.shipping_time_days,
    }


def person_json(person: Person) -> dict[str, Any]:
    """A Recipient."""
    return _known(
        id=person.id,
        first_name=person.first_name,
        last_name=person.last_name,
        email=person.email,
        company=person.company,
        title=person.title,
        address=person.address and _address_json(person.address),
        created_at=_instant(person.created_at),
    )


def send_json(send: PlacedSend, where: Progress, team: Team) -> dict[str, Any]:
    """A Send."""
    person, gift = send.person, send.gift
    return {
        "id": send.id,
        "status": where.status,
        "recipient": {
            "id": person.id,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": person.email,
        },
        "item": {"id": gift.id, "name": gift.name, "type": gift.type},
        **_known(message=send.message),
        "tracking_number": where.tracking_number,
        "tracking_url": where.tracking_url,
        "estimated_delivery": where.estimated_delivery and where.estimated_delivery.isoformat(),
        "cost": float(send.cost),
        "crm_id": send.crm_id,
        "crm_type": send.crm_type,
        "team_id": team.id,
        "created_at": _instant(send.created_at),
        "updated_at": _instant(where.updated_at),
    }


def budget_json(budget: Budget) -> dict[str, Any]:
    """A TeamBudget."""
    return {
        "team_id": budget.team.id,
        "team_name": budget.team.name,
        "total_budget": float(budget.team.total_budget),
        "spent": float(budget.spent),
        "remaining": float(budget.remaining),
        "period_start": budget.start.isoformat(),
        "period_end": budget.end.isoformat(),
    }


def report_json(report: Report) -> dict[str, Any]:
    """A SendsReport."""
    totals = report.totals
    return {
        "period": {"start_date": report.start.isoformat(), "end_date": report.end.isoformat()},
        "totals": {
            "sends": totals.sends,
            "delivered": totals.delivered,
            "failed": totals.failed,
            "total_spend": float(totals.spend),
        },
        "data": [
            {"period": label, "sends": sums.sends, "delivered": sums.delivered, "spend": float(sums.spend)}
            for label, sums in report.groups
        ],
    }


def page_of(everything: Sequence[T], page: int, per_page: int) -> tuple[Sequence[T], Mapping[str, int]]:
    """One page, and the Pagination that goes with it; past the end it is empty."""
    start = (page - 1) * per_page
    pagination = {
        "page": page,
        "per_page": per_page,
        "total": len(everything),
        "total_pages": ceil(len(everything) / per_page),
    }
    return everything[start : start + per_page], pagination


def _address_json(address: PostalAddress) -> dict[str, Any]:
    return _known(
        street1=address.street1,
        street2=address.street2,
        city=address.city,
        state=address.state,
        postal_code=address.postal_code,
        country=address.country,
    )


def _known(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
