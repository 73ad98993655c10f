"""Who may import whom (docs/architecture.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "sendoso_mcp"

# Each room, and the rooms of the package that it may import besides itself.
BASE = {"errors", "fields", "hygiene", "models"}
RULES = {
    "__init__": set(),
    "__main__": {"cli"},
    "absent": set(),
    "errors": set(),
    "fields": set(),
    "hygiene": set(),
    "models": {"fields"},
    "settings": {"errors"},
    "together": set(),
    "tracing": set(),
    "web": set(),
    "calls": set(),
    "api": BASE | {"absent", "calls"},
    "spending": BASE,
    "spending.desk": set(),
    "spending.approvals": BASE | {"spending", "spending.desk", "spending.ledger"},
    "catalog": BASE | {"api", "calls"},
    "spending.ledger": BASE | {"spending"},
    "spending.pace": BASE | {"spending", "spending.ledger"},
    "spending.settlement": BASE | {"spending.ledger"},
    "spending.recovery": BASE | {"api", "spending", "spending.ledger"},
    "spending.dispatch": BASE
    | {"calls", "tracing"}
    | {"api", "spending", "spending.ledger", "spending.recovery", "spending.settlement"},
    "spending.guard": BASE
    | {"together"}
    | {"api", "spending", "spending.ledger", "spending.dispatch", "spending.settlement"},
    "server": BASE
    | {"api", "spending", "spending.ledger", "spending.settlement", "spending.guard"}
    | {
        "absent",
        "calls",
        "catalog",
        "server.outside",
        "server.services",
        "server.progress",
        "spending.approvals",
        "spending.desk",
        "tracing",
    },
    "server.outside": BASE | {"spending", "spending.approvals"},
    "server.progress": {"catalog"},
    "server.services": BASE
    | {"server.outside", "server.progress", "spending.approvals"}
    | {"api", "catalog", "spending", "spending.guard", "spending.ledger", "spending.pace", "settings"},
    "sandbox": {"fields", "models"},
    "page": BASE | {"spending.desk", "web"},
    "cli": BASE
    | {"api", "calls", "page", "server", "server.services", "settings", "sandbox", "web"}
    | {"spending", "spending.ledger", "spending.pace", "spending.recovery"}
    | {"spending.approvals", "spending.desk"},
}
OUTSIDE = {
    "httpx": {"api"},
    "mcp": {"server", "server.progress", "server.services", "cli"},
    "mcp_types": {"server", "cli"},
    "sqlite3": {"spending.ledger", "catalog"},
    "opentelemetry": {"tracing"},
    "psycopg": {"spending.ledger"},
    "uvicorn": {"web"},
    "starlette": {"cli", "page", "sandbox"},
    "rich": {"cli"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """The longest name of a room that a module of the package (without its first part) is in."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in RULES), parts[0])


def imports_of(file: Path) -> set[str]:
    """Every module that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def name_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def breaches(room: str, file: Path) -> set[str]:
    """What a file of this room imports and may not."""
    found: set[str] = set()
    for imported in imports_of(file):
        top, _, rest = imported.partition(".")
        if top == "sendoso_mcp" and rest != "__version__":
            target = room_of(rest)
            if target != room and target not in RULES[room]:
                found.add(imported)
        elif room not in OUTSIDE.get(top, {room}):
            found.add(imported)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_room_imports_only_what_it_may(file: Path) -> None:
    assert breaches(room_of(name_of(file)), file) == set()


def test_the_rules_are_about_rooms_that_exist() -> None:
    rooms = {room_of(name_of(file)) for file in FILES}
    assert rooms == set(RULES)


def test_the_test_sees_an_import_that_breaks_a_rule(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("def f():\n    import httpx, json\n    from sendoso_mcp.server import app\n")
    assert breaches("api", file) == {"sendoso_mcp.server.app"}
    assert breaches("catalog", file) == {"sendoso_mcp.server.app", "httpx"}
    assert breaches("cli", file) == {"httpx"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_file_is_too_long_to_keep_in_mind(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 300
