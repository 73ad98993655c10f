"""What was seen to work, kept in a file that docs/clients.md is made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Record:
    """The file, and what is seen in this run.

    Attributes:
        update: whether what is seen is written down instead of compared.
    """

    def __init__(self, path: Path, *, update: bool) -> None:
        self._path = path
        self.update = update
        self.known: dict[str, dict[str, Any]] = (
            json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        )

    def see(self, part: str, name: str, facts: Any) -> None:
        """Holds facts against the file.

        Raises:
            AssertionError: the file says otherwise.
        """
        if self.update:
            self.known.setdefault(part, {})[name] = facts
        known = self.known.get(part, {}).get(name)
        assert facts == known, (
            f"{part}, {name}: {facts}, but {self._path.name} says {known}. If that is right, "
            "record it: make test-interop UPDATE_CLIENTS=1"
        )

    def write(self) -> None:
        """Writes the file."""
        parts = {part: dict(sorted(names.items())) for part, names in sorted(self.known.items())}
        self._path.write_text(json.dumps(parts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
