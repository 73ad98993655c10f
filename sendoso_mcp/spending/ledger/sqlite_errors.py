"""What SQLite's errors mean for a ledger."""

from __future__ import annotations

import sqlite3

from sendoso_mcp.errors import LedgerUnavailable


def code(error: Exception) -> int:
    """SQLite's primary result code; 0 for an error of another kind."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_busy(error: Exception) -> bool:
    """Whether another process had the file for too long."""
    return code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
"""What the pace file's errors are if it is not one that SQLite, or that this version, can use."""


_WHY = {
    sqlite3.SQLITE_BUSY: "other processes keep it busy",
    sqlite3.SQLITE_LOCKED: "other processes keep it busy",
    sqlite3.SQLITE_READONLY: "it may only be read",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CORRUPT: "its file is damaged",
    sqlite3.SQLITE_NOTADB: "its file is not a SQLite database",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
    sqlite3.SQLITE_IOERR: "its disk cannot be read or written",
}


def unavailable(error: Exception) -> LedgerUnavailable:
    """The error in words that a person can act on."""
    if isinstance(error, OSError):
        return LedgerUnavailable(f"its file cannot be opened: {error.strerror or type(error).__name__}")
    return LedgerUnavailable(_WHY.get(code(error), type(error).__name__))
