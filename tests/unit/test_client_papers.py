"""docs/clients.md says what `make test-interop` has recorded."""

from __future__ import annotations

from delivery.clients import papers


def test_the_table_of_clients_is_made_from_the_record() -> None:
    for path, text in papers().items():
        assert path.read_text(encoding="utf-8") == text, "run make test-interop UPDATE_CLIENTS=1"
