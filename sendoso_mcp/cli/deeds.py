"""What people did besides the trail's intents, as `audit --deeds` shows it: each deed as plain data."""

from __future__ import annotations

from collections.abc import Iterator

from sendoso_mcp.cli.trail import Data
from sendoso_mcp.errors import LedgerUnavailable
from sendoso_mcp.spending.envelope import Envelope
from sendoso_mcp.spending.ledger import (
    ENVELOPE_OPENED,
    ENVELOPE_REVOKED,
    RECIPIENT_MADE,
    Cancellation,
    Decisions,
    Deed,
    Ledger,
)

HEADS = ("UTC", "Deed", "Who", "Which", "What it is about")


def deeds_of(ledger: Ledger) -> list[Data]:
    """All of them, oldest first, under stable names. Of a PIN it is told that it was set, and nothing more.

    Raises:
        LedgerUnavailable: one cannot be read.
    """
    envelopes: dict[str, Data] = {}
    return [_as_data(deed, about, envelopes) for deed, about in Decisions(ledger).deeds()]


def _as_data(deed: Deed, about: Cancellation | None, envelopes: dict[str, Data]) -> Data:
    if deed.what == ENVELOPE_OPENED:
        try:
            envelopes[deed.subject] = _envelope(Envelope.model_validate_json(deed.document))
        except ValueError as error:
            raise LedgerUnavailable(f"deed {deed.seq} in it cannot be read") from error
    is_envelope = deed.what in (ENVELOPE_OPENED, ENVELOPE_REVOKED)
    return {
        "seq": deed.seq,
        "at": f"{deed.at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "deed": deed.what,
        "actor": deed.actor,
        "subject": deed.subject or None,
        # That of its opening, also where it is closed, so that nobody has to look that up.
        "envelope": envelopes.get(deed.subject) if is_envelope else None,
        "cancellation": _cancellation(about) if about else None,
        "recipient": deed.subject if deed.what == RECIPIENT_MADE else None,
        "previous": deed.previous,
        "hash": deed.hash,
    }


def _envelope(envelope: Envelope) -> Data:
    return envelope.model_dump(mode="json") | {"each": float(envelope.each)}


def _cancellation(asked: Cancellation) -> Data:
    return {
        "send_id": asked.send_id,
        "principal": asked.principal,
        "facts": dict(asked.facts),
        "asked_at": f"{asked.asked_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "expires_at": f"{asked.expires_at:%Y-%m-%dT%H:%M:%S.%fZ}",
    }


def cells_of(deed: Data) -> tuple[str, ...]:
    """One of them for people, under `HEADS`; the texts are not cleaned yet."""
    return (
        f"{deed['at'][:10]} {deed['at'][11:19]}",
        deed["deed"],
        deed["actor"],
        "" if deed["recipient"] else deed["subject"] or "",
        "; ".join(_about(deed)),
    )


def _about(deed: Data) -> Iterator[str]:
    envelope, cancellation = deed["envelope"], deed["cancellation"]
    if envelope:
        people = ", ".join([*envelope["emails"], *envelope["domains"]])
        places = f"{envelope['sends']} sends of up to {envelope['each']:,.2f} USD"
        yield f"{envelope['name']}: {places} to {people}"
        if envelope["items"]:
            yield f"only {', '.join(envelope['items'])}"
        yield f"until {envelope['until']}"
    if cancellation:
        yield f"asked by {cancellation['principal']}"
        yield from (f"{label}: {text}" for label, text in cancellation["facts"].items())
    if deed["recipient"]:
        yield deed["recipient"]
