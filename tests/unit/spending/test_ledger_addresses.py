"""A ledger's address names a file, or the server does not start: none may forget what was ordered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sendoso_mcp.errors import SettingsError
from sendoso_mcp.server.services import open_services
from sendoso_mcp.settings import Settings
from sendoso_mcp.spending.ledger import Ledger

pytestmark = pytest.mark.anyio
FORGETFUL = ["sqlite:///:memory:", "sqlite:///%3Amemory%3A", "sqlite:///file::memory:?cache=shared"]
ODD = ["sqlite:///%00x", "sqlite:///x.db?mode=ro", "sqlite:///x.db#a", "sqlite:///~no-such-user/x.db"]


@pytest.mark.parametrize("url", [*FORGETFUL, *ODD])
def test_an_address_that_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="SENDOSO_LEDGER_URL"):
        Ledger(url, account="test")


async def test_a_server_with_a_key_has_no_ledger_in_memory() -> None:
    settings = Settings(api_key="a-key-of-some-length", ledger_url="sqlite://")
    with pytest.raises(SettingsError, match="memory"):
        async with open_services(settings):
            raise AssertionError("it was opened")


def test_a_ledger_behind_a_link_is_the_same_one(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    ledger = Ledger(f"sqlite:///{tmp_path / 'link.db'}", account="test")
    ledger.open()
    ledger.close()
    assert {name for name in os.listdir(tmp_path) if name.endswith("-alive")} == {"real.db-alive"}  # noqa: PTH208 - names only
