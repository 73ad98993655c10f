"""The gifts in memory, in a SQLite database with a full-text index (FTS5).

It is imported when the first search or price is asked for. Nothing here is a coroutine: whoever calls does so
from one worker thread at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sendoso_mcp.catalog.filters import Facts
from sendoso_mcp.catalog.words import indexed
from sendoso_mcp.errors import SettingsError
from sendoso_mcp.models import InventoryItem

_LONGEST_NAME, _LONGEST_DESCRIPTION = 500, 2_000
"""Characters that are kept."""

# Words are cut and freed of plurals by `words.indexed`; Porter's stemmer takes the other endings.
# The index keeps no text of its own (content=''): the table `gift` has it.
_SCHEMA = """
CREATE TABLE gift (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT, description TEXT, type TEXT, cents INTEGER,
    days INTEGER, available INTEGER, name_words INTEGER, about_words INTEGER, page INTEGER NOT NULL,
    reading INTEGER NOT NULL
);
CREATE TABLE page (number INTEGER PRIMARY KEY, read_at REAL NOT NULL);
CREATE TABLE word (word TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE state (complete_at REAL, ended INTEGER NOT NULL);
INSERT INTO state VALUES (NULL, 0);
CREATE VIRTUAL TABLE words USING fts5(name, about, content='', tokenize='porter unicode61');
"""
FORMAT = f"1 {_SCHEMA}"
"""What a stored shelf must have been made with. The number rises when words are cut in another way."""


@dataclass(frozen=True, slots=True)
class Postings:
    """The keys of the gifts that have a phrase in their name, and in their description."""

    names: Sequence[int]
    abouts: Sequence[int]


class Shelf:
    """The gifts that were read, and the words they are found by.

    Args:
        image: a shelf as `image` gave it; None: an empty one.

    Raises:
        sqlite3.Error: the image cannot be used.
        SettingsError: this Python's SQLite has no full-text index.
    """

    def __init__(self, image: bytes | None = None) -> None:
        self._begun = self._ended = self.version = 0
        self.complete_at: float | None = None
        """When the last reading of all pages began, in seconds since 1970; None if there was none."""
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            if image is None:
                self._create()
            else:
                self._db.deserialize(image)
                # A damaged or meddled-with schema must not run anything.
                self._db.execute("PRAGMA trusted_schema = OFF")
            self._load()
        except BaseException:
            self._db.close()
            raise

    def _create(self) -> None:
        try:
            self._db.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            if "fts5" not in str(error):
                raise
            raise SettingsError(
                "The SQLite of this Python has no full-text search (FTS5), which the catalogue needs. "
                "A person must run the server with another build of Python, such as python.org's."
            ) from None

    def _load(self) -> None:
        self.version += 1
        """Rises with every change to what a search can find."""
        self.facts: dict[int, Facts] = {}
        self.name_words: dict[int, int] = {}
        self.about_words: dict[int, int] = {}
        """How many words the name and the description have, by key."""
        # In the order in which a search wants them, so that sorting them there is quick.
        for row in self._db.execute(
            "SELECT key, name_words, about_words, id, type, cents, days, available FROM gift"
            " ORDER BY cents IS NULL, cents, id"
        ):
            key = row[0]
            self.name_words[key], self.about_words[key] = row[1], row[2]
            self.facts[key] = Facts._make(row[3:])
        self.words = {word for (word,) in self._db.execute("SELECT word FROM word")}
        """Every word of every gift, as `indexed` cuts them."""
        self._keys = {facts.id: key for key, facts in self.facts.items()}
        self._db.execute("SELECT rowid FROM words WHERE words MATCH 'x'").fetchone()  # fails without FTS5
        self.complete_at, self._ended = self._db.execute("SELECT complete_at, ended FROM state").fetchone()
        self._begun = max(self._begun, self._ended)

    def begin(self) -> int:
        """Starts a reading of all pages; gives its number."""
        self._begun += 1
        return self._begun

    def put(self, number: int, items: Iterable[InventoryItem], *, read_at: float, reading: int = 0) -> None:
        """Puts a page as it was read, at `read_at` (seconds since 1970)."""
        given = {item.id: item for item in items}
        self._db.execute("BEGIN")
        try:
            known = self._known(given)
            for item in given.values():
                self._put(item, known.get(item.id), number, reading)
            self._db.execute("INSERT OR REPLACE INTO page VALUES (?, ?)", (number, read_at))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            self._load()
            raise

    def end(self, reading: int, *, began_at: float, whole: bool) -> None:
        """Ends a reading of all pages; what it did not meet is gone.

        With `whole` false something moved while it read, so that a gift may have slipped through: what only
        this reading did not meet stays until the next.
        """
        oldest = reading if whole else min(reading, self._ended)
        gone = self._db.execute(
            "SELECT key, name, description, id FROM gift WHERE reading < ?", (oldest,)
        ).fetchall()
        self._db.execute("BEGIN")
        for key, name, description, item_id in gone:
            self._unindex(key, name, description)
            self._db.execute("DELETE FROM gift WHERE key = ?", (key,))
            del self.facts[key], self.name_words[key], self.about_words[key], self._keys[item_id]
        self._db.execute("UPDATE state SET complete_at = ?, ended = ?", (began_at, reading))
        self._db.execute("COMMIT")
        self.complete_at, self._ended = began_at, reading
        self.version += bool(gone)

    def place(self, item_id: str) -> tuple[int, float, int] | None:
        """The page a gift was last seen on, when that page was read, and by which reading of all pages."""
        found: tuple[int, float, int] | None = self._db.execute(
            "SELECT page, read_at, reading FROM gift JOIN page ON number = page WHERE id = ?", (item_id,)
        ).fetchone()
        return found

    def postings(self, phrase: Sequence[str]) -> Postings:
        """The gifts that have these words, one after the other, whatever their endings."""
        text = '"' + " ".join(phrase).replace('"', "") + '"'
        return Postings(
            *([key for (key,) in self._match(f"{column} : {text}")] for column in ("name", "about"))
        )

    def items(self, keys: Iterable[int]) -> list[InventoryItem]:
        """The gifts with these keys, in their order."""
        return [self._item(key) for key in keys]

    def ids(self, part: str) -> list[str]:
        """The ids that contain a text, in Sendoso's order."""
        return [
            item_id
            for (item_id,) in self._db.execute(
                "SELECT id FROM gift WHERE instr(id, ?) ORDER BY page, key", (part,)
            )
        ]

    def image(self) -> bytes:
        """The whole shelf as bytes."""
        return self._db.serialize()

    def close(self) -> None:
        """Frees the memory."""
        self._db.close()

    def _match(self, expression: str) -> sqlite3.Cursor:
        return self._db.execute("SELECT rowid FROM words WHERE words MATCH ?", (expression,))

    def _item(self, key: int) -> InventoryItem:
        name, description = self._db.execute(
            "SELECT name, description FROM gift WHERE key = ?", (key,)
        ).fetchone()
        facts = self.facts[key]
        return InventoryItem(
            id=facts.id,
            name=name or None,
            description=description or None,
            type=facts.type,
            price=None if facts.cents is None else Decimal(facts.cents) / 100,
            available=None if facts.available is None else bool(facts.available),
            shipping_time_days=facts.days,
        )

    def _known(self, ids: Collection[str]) -> dict[str, tuple[int, str | None, str | None]]:
        keys = [self._keys[item_id] for item_id in ids if item_id in self._keys]
        marks = ",".join("?" * len(keys))
        rows = self._db.execute(
            f"SELECT id, key, name, description FROM gift WHERE key IN ({marks})",  # noqa: S608 - only marks
            keys,
        )
        return {item_id: (key, name, description) for item_id, key, name, description in rows}

    def _put(
        self,
        item: InventoryItem,
        known: tuple[int, str | None, str | None] | None,
        number: int,
        reading: int,
    ) -> None:
        facts = Facts.of(item)
        name, description = (item.name or "")[:_LONGEST_NAME], (item.description or "")[:_LONGEST_DESCRIPTION]
        if known is None:
            key = self._db.execute(
                "INSERT INTO gift (id, page, reading) VALUES (?, ?, ?)", (item.id, number, reading)
            ).lastrowid
            assert key is not None  # noqa: S101 - for the type checker: an INSERT has a rowid
        else:
            key = known[0]
        texts_changed = known is None or known[1:] != (name, description)
        if texts_changed:
            if known is not None:
                self._unindex(*known)
            self._index(key, name, description)
        if texts_changed or self.facts.get(key) != facts:
            self._db.execute(
                "UPDATE gift SET name = ?, description = ?, type = ?, cents = ?, days = ?, available = ?,"
                " name_words = ?, about_words = ? WHERE key = ?",
                (name, description, *facts[1:], self.name_words[key], self.about_words[key], key),
            )
            self.facts[key] = facts
            self.version += 1
        # A page that is read between two readings of all of them leaves what those know.
        self._db.execute(
            "UPDATE gift SET page = ?, reading = max(reading, ?) WHERE key = ?", (number, reading, key)
        )
        self._keys[item.id] = key

    def _index(self, key: int, name: str, description: str) -> None:
        in_name, in_description = indexed(name), indexed(description)
        self._db.execute(
            "INSERT INTO words (rowid, name, about) VALUES (?, ?, ?)",
            (key, " ".join(in_name), " ".join(in_description)),
        )
        self.name_words[key], self.about_words[key] = len(in_name), len(in_description)
        new = {*in_name, *in_description} - self.words
        self._db.executemany("INSERT OR IGNORE INTO word VALUES (?)", [(word,) for word in new])
        self.words |= new

    def _unindex(self, key: int, name: str | None, description: str | None) -> None:
        self._db.execute(
            "INSERT INTO words (words, rowid, name, about) VALUES ('delete', ?, ?, ?)",
            (key, " ".join(indexed(name or "")), " ".join(indexed(description or ""))),
        )
