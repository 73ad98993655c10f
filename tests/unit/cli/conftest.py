"""A home of its own for every command that a test runs: nobody's real ledger is looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory where this test's user keeps state; the environment has no settings of ours."""
    state = tmp_path / "state"
    for name in [name for name in os.environ if name.startswith("SENDOSO_")]:
        monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(state))
    return state
