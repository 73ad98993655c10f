"""The audit trail as commands show it: each row as plain data with stable names, and which rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sendoso_mcp.errors import BadArgument, LedgerUnavailable
from sendoso_mcp.spending.ledger import Entry, Ledger, State
from sendoso_mcp.spending.limits import ENVELOPES, SENDS

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows are wanted; what is empty leaves none out.

    Attributes:
        since: the first UTC day.
        until: the last UTC day.
        recipient: a part of the email, name or id, in any case.
        outcomes: states; the intent must be in one of them now, whatever the row itself says.
        intent: an intent's id.
    """

    since: date | None = None
    until: date | None = None
    recipient: str = ""
    outcomes: frozenset[str] = frozenset()
    intent: str = ""

    def __bool__(self) -> bool:
        return self != Selection()

    def check(self) -> None:
        """Whether it can be meant.

        Raises:
            BadArgument: it cannot.
        """
        if self.since and self.until and self.since > self.until:
            raise BadArgument("--since is after --until: no day is in between.")
        if wrong := sorted(self.outcomes - frozenset(State)):
            raise BadArgument(f"--outcome: {wrong[0]!r} is none of {', '.join(sorted(State))}.")

    def has_day(self, day: date) -> bool:
        """Whether something of this UTC day is wanted."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)

    def has_intent(self, latest: Data) -> bool:
        """Whether the intent is wanted whose newest row this is."""
        person = latest["recipient"]
        wanted = self.recipient.casefold()
        return (
            (not self.intent or latest["intent"] == self.intent)
            and (not self.outcomes or latest["to"] in self.outcomes)
            and any(wanted in str(person[name]).casefold() for name in ("email", "name", "id"))
        )


def rows_of(ledger: Ledger) -> list[Data]:
    """The whole trail, oldest first.

    Raises:
        LedgerUnavailable: a row cannot be read.
    """
    rows = []
    for entry in ledger.trail():
        try:
            rows.append(_as_data(entry))
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            # Somebody wrote a row that none of ours could be; where, `verify` says with certainty.
            raise LedgerUnavailable(f"audit row {entry.seq} cannot be read") from error
    return rows


def _as_data(entry: Entry) -> Data:
    """A row of the trail, with the whole record of its intent as it then was; amounts in USD."""
    record = entry.record
    intent = record["intent"][0]
    order, approval = _first(record, "attempts"), _first(record, "approvals")
    return {
        "seq": entry.seq,
        "at": f"{entry.at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "intent": entry.intent_id,
        "from": entry.from_state,
        "to": str(entry.to_state),
        "actor": entry.actor,
        "reason": str(entry.detail.get("reason", "")),
        "detail": {key: value for key, value in entry.detail.items() if key != "reason"},
        "principal": _text(intent, "principal"),
        "idempotency_key": intent.get("idempotency_key"),
        "follows": intent.get("follows"),
        "recipient": {
            "id": _text(intent, "recipient_id"),
            "name": _text(intent, "recipient_name"),
            "email": _text(intent, "recipient_email"),
        },
        "gift": {"id": _text(intent, "item_id"), "name": _text(intent, "item_name")},
        "price": _usd(intent.get("price_cents")),
        "policy_version": _text(intent, "policy_version"),
        "proposed_at": intent.get("proposed_at"),
        "expires_at": intent.get("expires_at"),
        "approval": _approval(approval) if approval else None,
        "order": _order(order) if order else None,
        "holds": [_hold(hold) for hold in record.get("holds", ())],
        "previous": entry.previous,
        "hash": entry.hash,
    }


def latest_of(rows: Iterable[Data]) -> dict[str, Data]:
    """The newest row of each intent, in the order in which they were first proposed."""
    latest: dict[str, Data] = {}
    for row in rows:
        latest[row["intent"]] = row
    return latest


def day_of(moment: str) -> date:
    """The UTC day of a moment as rows have it.

    Raises:
        ValueError: it is none.
    """
    return date.fromisoformat(moment[:10])


def _first(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next(iter(record.get(name, ())), {})


def _approval(row: Mapping[str, Any]) -> Data:
    return {
        "approver": _text(row, "approver"),
        "how": _text(row, "rung"),
        "at": row.get("consumed_at"),
        "policy_version": _text(row, "policy_version"),
    }


def _order(row: Mapping[str, Any]) -> Data:
    return {
        "begun_at": _moment(row["begun_at"]),
        "mark": row.get("mark"),
        "held": _usd(row.get("held_cents")),
        "cost": _usd(row.get("cost_cents")),
        "send_id": row.get("send_id"),
        "send_status": row.get("send_status"),
        "over_limits": _text(row, "over_limits").split(),
        "settled_at": row.get("settled_at"),
    }


def _hold(row: Mapping[str, Any]) -> Data:
    """What stands in one limit's bucket: USD, or a number of sends."""
    bucket = _text(row, "bucket")
    counts = bucket == SENDS or bucket.startswith(ENVELOPES)
    amount = (lambda value: value) if counts else _usd
    return {
        "bucket": bucket,
        "kind": row.get("kind"),
        "amount": amount(row.get("amount")),
        "granted": amount(row.get("granted")),
        "limit": amount(row.get("most")),
        "used_before": amount(row.get("used_before")),
    }


def _moment(text: str) -> str:
    day_of(text)
    return text


def _text(row: Mapping[str, Any], name: str) -> str:
    return str(row.get(name) or "")


def _usd(cents: object) -> Any:
    """Cents as USD. A row that was tampered with may hold anything: then as it is."""
    return cents / 100 if isinstance(cents, int) else cents
