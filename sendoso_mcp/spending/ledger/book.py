"""The ledger while a transaction is open: one moment, and every change written down with its reason."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sendoso_mcp.errors import BadArgument
from sendoso_mcp.spending.ledger import audit
from sendoso_mcp.spending.ledger.database import Session
from sendoso_mcp.spending.ledger.hashing import canonical
from sendoso_mcp.spending.ledger.records import Approval, Intent, dump_quote, load, load_one, to_text
from sendoso_mcp.spending.ledger.states import NEW, NOTHING_ORDERED, State
from sendoso_mcp.spending.limits import cents, person_key
from sendoso_mcp.spending.policy import Policy
from sendoso_mcp.spending.quote import Quote

_FREE = ", ".join(f"'{state}'" for state in sorted(NOTHING_ORDERED))


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants what, as it was looked up, under which key and policy."""

    quote: Quote
    policy: Policy
    principal: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """An open transaction at one moment (UTC)."""

    session: Session
    now: datetime
    instance: str = ""
    """The process whose transaction it is."""

    def move(
        self,
        intent: Intent,
        after: State,
        actor: str,
        *,
        reason: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> Intent:
        """Brings an intent to another state, with its row in the trail; gives it as it then is.

        What else changes with it must be in the tables already, and in `intent` if it is to be in the result.
        """
        if intent.state is State.APPROVED:
            # Used up, taken back or overtaken: a yes never outlives the state in which it waits.
            self.session.execute("DELETE FROM grants WHERE intent_id = ?", intent.id)
        self.session.execute(
            "UPDATE intents SET state = ?, reason = ?, changed_at = ? WHERE id = ?",
            str(after),
            reason,
            to_text(self.now),
            intent.id,
        )
        told = dict(detail or {}) | ({"reason": reason} if reason else {})
        audit.append(self.session, self.now, intent.id, (intent.state, after), actor=actor, detail=told)
        return replace(intent, state=after, reason=reason, changed_at=self.now)

    def grant(self, intent: Intent) -> Approval | None:
        """A yes that waits to be used."""
        rows = self.session.rows(
            "SELECT quote_digest, rung, approver FROM grants WHERE intent_id = ?", intent.id
        )
        return next((Approval(*row) for row in rows), None)

    def position(self) -> int:
        """The place of the latest row in the trail."""
        return int(self.session.rows("SELECT seq FROM chain WHERE id = 1")[0][0])

    def propose(self, wish: Wish, asks: frozenset[str], *, expires_at: datetime) -> Intent:
        """Writes a wish down."""
        session, quote = self.session, wish.quote
        session.execute(
            "INSERT INTO policies (version, document) VALUES (?, ?) ON CONFLICT (version) DO NOTHING",
            wish.policy.version,
            wish.policy.document,
        )
        recipient, item = quote.order.recipient, quote.order.item
        earlier = self.with_key(wish.principal, wish.key, quote.request.digest)
        intent_id = secrets.token_hex(6)
        session.execute(
            "INSERT INTO intents (id, principal, idempotency_key, follows, state, reason, digest, quote, "
            "quote_digest, asks, policy_version, person, recipient_id, recipient_name, recipient_email, "
            "item_id, item_name, price_cents, proposed_at, expires_at, changed_at) "
            "VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            intent_id,
            wish.principal,
            wish.key,
            earlier and earlier.id,
            str(State.PROPOSED),
            quote.request.digest,
            dump_quote(quote),
            quote.digest,
            _asks(asks),
            wish.policy.version,
            person_key(recipient),
            recipient.id,
            recipient.name,
            recipient.email or "",
            item.id,
            item.name or "",
            None if quote.price is None else cents(quote.price),
            to_text(self.now),
            to_text(expires_at),
            to_text(self.now),
        )
        audit.append(session, self.now, intent_id, (NEW, State.PROPOSED), actor=wish.principal, detail={})
        return self.intent(intent_id)

    def intent(self, intent_id: str) -> Intent:
        """One intent that is known to exist.

        Raises:
            KeyError: it does not.
        """
        found = load_one(self.session, intent_id)
        if found is None:
            raise KeyError(intent_id)
        return found

    def with_key(self, principal: str, key: str | None, digest: str) -> Intent | None:
        """The intent that an idempotency key stands for: the one that is not over, else the newest.

        Raises:
            BadArgument: the key stands for another wish than the one with this digest.
        """
        if key is None:
            return None
        where = (
            "i.principal = ? AND i.idempotency_key = ? ORDER BY "
            f"CASE WHEN i.state IN ({_FREE}) THEN 1 ELSE 0 END, i.proposed_at DESC, i.id DESC LIMIT 1"
        )
        found = next(iter(load(self.session, where, principal, key)), None)
        if found is not None and found.digest != digest:
            raise BadArgument(
                "idempotency_key: this key was used before for another gift, recipient or message. "
                "Use a new key for a new gift."
            )
        return found


def _asks(asks: frozenset[str]) -> str:
    return canonical(sorted(asks))
