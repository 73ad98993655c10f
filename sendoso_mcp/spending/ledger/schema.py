"""The ledger's tables, as numbered steps from an empty database to the newest version.

The same SQL serves SQLite and PostgreSQL. Times are UTC text of fixed width, so that they sort as text;
money is whole cents. A step that was released never changes: what is wanted next is a new step.
"""

from __future__ import annotations

from collections.abc import Callable

from sendoso_mcp.spending.ledger.database import Session
from sendoso_mcp.spending.ledger.states import NEW, NOTHING_ORDERED, TRANSITIONS, State

Migration = Callable[[Session], None]


def _run(session: Session, statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            session.execute(statement)


def _know_states(session: Session) -> None:
    """Writes down the states and ways of this version: a row of the trail can name no others."""
    for state in (NEW, *State):
        session.execute("INSERT INTO states (state) VALUES (?) ON CONFLICT DO NOTHING", str(state))
    for before, after in sorted(TRANSITIONS):
        session.execute(
            "INSERT INTO transitions (from_state, to_state) VALUES (?, ?) ON CONFLICT DO NOTHING",
            before,
            after,
        )


def _m001_first(session: Session) -> None:
    _run(session, _FIRST)
    _know_states(session)
    session.execute("INSERT INTO chain (id, seq, hash) VALUES (1, 0, '')")


def _m002_totals(session: Session) -> None:
    """What is in a bucket is kept beside it: to add up a month's sends for each send takes ever longer."""
    _run(session, _TOTALS)


def _m003_approvals(session: Session) -> None:
    """A yes that is given outside the chat or in advance, and who may give it."""
    _run(session, _APPROVALS)
    _know_states(session)


MIGRATIONS: tuple[Migration, ...] = (_m001_first, _m002_totals, _m003_approvals)

_FREE = ", ".join(f"'{state}'" for state in sorted(NOTHING_ORDERED))

_FIRST = f"""
CREATE TABLE states (
  state TEXT PRIMARY KEY
);
CREATE TABLE transitions (
  from_state TEXT NOT NULL REFERENCES states (state),
  to_state TEXT NOT NULL REFERENCES states (state),
  PRIMARY KEY (from_state, to_state)
);
CREATE TABLE policies (
  version TEXT PRIMARY KEY,
  document TEXT NOT NULL
);
CREATE TABLE intents (
  id TEXT PRIMARY KEY,
  principal TEXT NOT NULL,
  idempotency_key TEXT,
  follows TEXT REFERENCES intents (id),
  state TEXT NOT NULL REFERENCES states (state),
  reason TEXT NOT NULL,
  digest TEXT NOT NULL,
  quote TEXT NOT NULL,
  quote_digest TEXT NOT NULL,
  asks TEXT NOT NULL,
  policy_version TEXT NOT NULL REFERENCES policies (version),
  person TEXT NOT NULL,
  recipient_id TEXT NOT NULL,
  recipient_name TEXT NOT NULL,
  recipient_email TEXT NOT NULL,
  item_id TEXT NOT NULL,
  item_name TEXT NOT NULL,
  price_cents BIGINT CHECK (price_cents >= 0),
  proposed_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  changed_at TEXT NOT NULL
);
CREATE UNIQUE INDEX one_intent_a_key ON intents (principal, idempotency_key)
  WHERE idempotency_key IS NOT NULL AND state NOT IN ({_FREE});
CREATE INDEX intents_by_key ON intents (principal, idempotency_key, proposed_at);
CREATE INDEX intents_by_state ON intents (state, changed_at);
CREATE INDEX intents_by_wish ON intents (principal, digest, state);
CREATE INDEX intents_by_person ON intents (person, state);
CREATE TABLE approvals (
  intent_id TEXT PRIMARY KEY REFERENCES intents (id),
  quote_digest TEXT NOT NULL,
  policy_version TEXT NOT NULL,
  principal TEXT NOT NULL,
  rung TEXT NOT NULL,
  approver TEXT NOT NULL,
  consumed_at TEXT NOT NULL
);
CREATE TABLE attempts (
  intent_id TEXT PRIMARY KEY REFERENCES intents (id),
  token TEXT NOT NULL UNIQUE,
  instance TEXT NOT NULL,
  mark TEXT UNIQUE,
  begun_at TEXT NOT NULL,
  ended_by TEXT NOT NULL,
  held_cents BIGINT NOT NULL CHECK (held_cents >= 0),
  send_id TEXT UNIQUE,
  send_status TEXT,
  cost_cents BIGINT CHECK (cost_cents >= 0),
  over_limits TEXT,
  settled_at TEXT
);
CREATE TABLE buckets (
  key TEXT PRIMARY KEY,
  grants BIGINT NOT NULL CHECK (grants >= 0)
);
CREATE TABLE holds (
  intent_id TEXT NOT NULL REFERENCES attempts (intent_id),
  bucket TEXT NOT NULL REFERENCES buckets (key),
  used_before BIGINT NOT NULL CHECK (used_before >= 0),
  granted BIGINT NOT NULL CHECK (granted >= 0),
  most BIGINT,
  amount BIGINT NOT NULL CHECK (amount >= 0),
  kind TEXT NOT NULL CHECK (kind IN ('held', 'posted', 'released')),
  at TEXT NOT NULL,
  settled_seq BIGINT,
  PRIMARY KEY (intent_id, bucket),
  CHECK (most IS NULL OR used_before + granted <= most),
  CHECK (kind <> 'released' OR amount = 0),
  CHECK (kind <> 'held' OR (amount = granted AND settled_seq IS NULL))
);
CREATE INDEX holds_by_time ON holds (bucket, at);
CREATE INDEX holds_by_settling ON holds (bucket, settled_seq);
CREATE TABLE chain (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seq BIGINT NOT NULL,
  hash TEXT NOT NULL
);
CREATE TABLE audit (
  seq BIGINT PRIMARY KEY,
  at TEXT NOT NULL,
  intent_id TEXT NOT NULL REFERENCES intents (id),
  from_state TEXT NOT NULL,
  to_state TEXT NOT NULL,
  actor TEXT NOT NULL,
  detail TEXT NOT NULL,
  record TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL,
  FOREIGN KEY (from_state, to_state) REFERENCES transitions (from_state, to_state)
);
CREATE INDEX audit_by_intent ON audit (intent_id, seq)
"""

_TOTALS = """
ALTER TABLE buckets ADD COLUMN total BIGINT NOT NULL DEFAULT 0 CHECK (total >= 0);
UPDATE buckets SET total = (SELECT coalesce(sum(amount), 0) FROM holds WHERE bucket = buckets.key);
DROP INDEX holds_by_time;
CREATE INDEX holds_by_time ON holds (bucket, at, amount);
DROP INDEX holds_by_settling;
CREATE INDEX holds_by_settling ON holds (bucket, settled_seq, amount)
"""

_APPROVALS = """
CREATE TABLE grants (
  intent_id TEXT PRIMARY KEY REFERENCES intents (id),
  quote_digest TEXT NOT NULL,
  rung TEXT NOT NULL,
  approver TEXT NOT NULL,
  granted_at TEXT NOT NULL
);
CREATE TABLE approver (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  pin_hash TEXT NOT NULL,
  failures BIGINT NOT NULL CHECK (failures >= 0),
  next_try_at TEXT NOT NULL,
  terminal_failures BIGINT NOT NULL DEFAULT 0 CHECK (terminal_failures >= 0),
  terminal_next_try_at TEXT NOT NULL DEFAULT ''
);
CREATE TABLE cancellations (
  id TEXT PRIMARY KEY,
  principal TEXT NOT NULL,
  send_id TEXT NOT NULL,
  facts TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('awaiting', 'approved', 'declined', 'expired', 'used')),
  asked_at TEXT NOT NULL,
  expires_at TEXT NOT NULL
);
CREATE UNIQUE INDEX one_open_cancellation ON cancellations (principal, send_id)
  WHERE state IN ('awaiting', 'approved');
CREATE TABLE deeds (
  seq BIGINT PRIMARY KEY,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  what TEXT NOT NULL,
  subject TEXT NOT NULL,
  document TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE INDEX deeds_by_subject ON deeds (what, subject);
ALTER TABLE chain ADD COLUMN deeds BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chain ADD COLUMN deeds_hash TEXT NOT NULL DEFAULT ''
"""
