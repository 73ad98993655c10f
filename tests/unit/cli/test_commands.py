from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli.cli_kit import Books
from sendoso_mcp.cli import main
from sendoso_mcp.settings import VARIABLES
from sendoso_mcp.spending.ledger import State


def test_help_names_every_command_and_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    words = set(capsys.readouterr().out.replace(",", " ").replace(".", " ").split())
    assert words >= {"serve", "demo", "sandbox", "doctor", "audit", "review", "approvals"}
    assert words >= {"install", "uninstall"}
    assert words >= {each.name for each in VARIABLES}


@pytest.mark.parametrize("words", [["audit", "--json"], ["approvals"]], ids=" ".join)
def test_a_look_at_the_ledger_loads_neither_the_protocol_nor_the_network(
    tmp_path: Path, words: list[str]
) -> None:
    books = Books(tmp_path / "ledger.sqlite3")
    books.ended(State.CONFIRMED)
    books.ledger.close()
    code = (
        "import os, sys\n"
        f"os.environ['SENDOSO_LEDGER_URL'] = {books.url!r}\n"
        "from sendoso_mcp.cli import main\n"
        f"assert main({words!r}) == 0\n"
        "print([name for name in ('mcp', 'rich', 'httpx', 'uvicorn', 'psycopg') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
