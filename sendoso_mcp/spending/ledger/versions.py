"""Whether a database holds a ledger that this program, for this account, may use; and how it becomes one."""

from __future__ import annotations

from collections.abc import Sequence

from sendoso_mcp.errors import LedgerUnavailable, SettingsError
from sendoso_mcp.spending.ledger.database import Database, Session
from sendoso_mcp.spending.ledger.schema import Migration

_META = "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)"


def bring_up_to_date(database: Database, migrations: Sequence[Migration], account: str) -> None:
    """Brings the tables to the newest version, and writes down whose sends they hold.

    Raises:
        SettingsError: they are of a newer version, or hold another account's sends; nothing was changed.
    """
    newest = len(migrations)
    with database.read() as session:
        _refuse_triggers(database, session)
        if _found(database, session) == (newest, account):
            return
    with database.write("migrate") as session:
        # Of two processes that start at once, the second finds everything done.
        session.execute(_META)
        version, owner = _found(database, session)
        _refuse(version, newest, owner, account)
        for migration in migrations[version:]:
            migration(session)
        for key, value in (("schema", str(newest)), ("account", account)):
            session.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                key,
                value,
            )


def make_tables(session: Session, migrations: Sequence[Migration]) -> None:
    """Makes every table of a ledger in an empty database."""
    session.execute(_META)
    for migration in migrations:
        migration(session)


def check(database: Database, migrations: Sequence[Migration], account: str | None) -> str:
    """Whose sends a ledger that is only read holds; with None as `account` it may be anybody's.

    Raises:
        SettingsError: there is none, or it is of another version, or holds another account's sends.
    """
    newest = len(migrations)
    with database.read() as session:
        _refuse_triggers(database, session)
        version, owner = _found(database, session)
    _refuse(version, newest, owner, account)
    if not version:
        raise SettingsError(
            "What SENDOSO_LEDGER_URL names has no ledger in it yet. A server makes one when it starts with "
            "the same settings."
        )
    if version < newest:
        raise SettingsError(
            f"The ledger was made by an older version of sendoso-mcp (its tables are version {version}, this "
            f"program reads {newest}). A server brings it up to date when it starts."
        )
    return owner


def _refuse_triggers(database: Database, session: Session) -> None:
    for name in database.triggers(session):
        raise LedgerUnavailable(
            f"somebody added {name} to it, which could change what is written without a trace"
        )


def _refuse(version: int, newest: int, owner: str, account: str | None) -> None:
    if version > newest:
        raise SettingsError(
            "The ledger was made by a newer version of sendoso-mcp (its tables are version "
            f"{version}, this program knows {newest}). Nothing was changed in it: use the newer "
            "version, or another SENDOSO_LEDGER_URL."
        )
    if account is not None and owner not in ("", account):
        raise SettingsError(
            f"The ledger holds the sends of {owner}, and this server is for {account}. "
            "Give each its own SENDOSO_LEDGER_URL."
        )


def _found(database: Database, session: Session) -> tuple[int, str]:
    """The tables' version, 0 for none; and whose sends they hold."""
    if not database.has_table(session, "meta"):
        return 0, ""
    meta = {str(key): str(value) for key, value in session.rows("SELECT key, value FROM meta")}
    version = meta.get("schema", "0")
    if not version.isdecimal():
        raise LedgerUnavailable("it does not say of which version its tables are")
    return int(version), meta.get("account", "")
