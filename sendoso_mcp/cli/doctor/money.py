"""Checks what keeps the money: the policy, and the ledger."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sendoso_mcp.cli.doctor.report import Check, failed
from sendoso_mcp.errors import LedgerUnavailable, SettingsError
from sendoso_mcp.settings import Settings

if TYPE_CHECKING:
    # At run time they are imported by the checks: see `doctor.api`.
    from sendoso_mcp.spending.ledger import Ledger
    from sendoso_mcp.spending.policy import Policy

_WHOLE_PATH = "Give the whole path: where a client starts the server is for the client to say."


def check_policy(path: Path | None) -> list[Check]:
    """Whether the policy can be read, and what it limits."""
    from sendoso_mcp.spending.policy_file import read_policy  # noqa: PLC0415 - see TYPE_CHECKING

    try:
        policy = read_policy(path)
    except SettingsError as error:
        *problems, advice = str(error).splitlines()
        return [Check("FAIL", f"Policy: {problem}", advice) for problem in problems]
    what = "SENDOSO_POLICY_FILE" if path else "the one that comes with the package (no SENDOSO_POLICY_FILE)"
    return [
        Check("ok", f"Policy: {what}, version {policy.version}"),
        *(Check("info", f"Policy: {line}") for line in _in_force(policy)),
    ]


def _in_force(policy: Policy) -> Iterator[str]:
    """What limits gifts, by the policy's own names; what it leaves out is not said."""
    given = policy.model_dump(mode="json", exclude_defaults=True)
    limits = _words(given.get("limits", {}))
    yield f"[limits] {limits or 'none: only the team budget at Sendoso limits what is spent'}"
    yield f"[approval] {_words(policy.approval.model_dump(mode='json'))}"
    for name in ("recipients", "items", "reconcile", "api"):
        if given.get(name):
            yield f"[{name}] {_words(given[name])}"
    for rule in given.get("rules", ()):
        yield f"[[rules]] {_words(rule)}"


def _words(section: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_flat(name, value)}" for name, value in section.items())


def _flat(name: str, value: object) -> str:
    if not isinstance(value, list):
        return str(value)
    # Of a long list only its length; and people's emails have no business in a report about a computer.
    short = len(value) <= 3 and name != "do_not_gift"
    return " ".join(map(str, value)) if short else f"({len(value)} entries)"


def check_ledger(settings: Settings) -> list[Check]:
    """Whether the ledger can be read and written, is private, is what its trail says, and has open ends."""
    from sendoso_mcp.spending.ledger import Ledger  # noqa: PLC0415 - see TYPE_CHECKING

    try:
        ledger = Ledger(settings.ledger, account=settings.account, read_only=True, patience=())
        if ledger.in_memory:
            return [Check("info", "Ledger: in memory, so it ends with the server")]
        if ledger.file is not None and not ledger.file.exists():
            return [_not_there(ledger.file)]
        with closing(ledger):
            ledger.open()
            where = f"Ledger: {ledger.file or _server(settings.ledger)}"
            return [
                Check("ok", f"{where} can be read; it holds the sends of {ledger.account}"),
                *_access(ledger, where),
                *_contents(ledger),
            ]
    except LedgerUnavailable as error:
        advice = "Check SENDOSO_LEDGER_URL, and who may read and write what it names. See docs/audit.md."
        return [Check("FAIL", f"Ledger: it cannot be used ({error.why}).", advice)]
    except SettingsError as error:
        return [failed(error)]


def check_money_settings(environ: Mapping[str, str]) -> Iterator[Check]:
    """What is wrong with the policy file and the ledger's address in a client's config."""
    from sendoso_mcp.spending.ledger import Ledger  # noqa: PLC0415 - see TYPE_CHECKING

    if policy := environ.get("SENDOSO_POLICY_FILE", "").strip():
        path = Path(policy).expanduser()
        if not path.is_absolute():
            yield Check("FAIL", "SENDOSO_POLICY_FILE is not a whole path.", _WHOLE_PATH)
        else:
            yield from (check for check in check_policy(path) if check.level == "FAIL")
    if url := environ.get("SENDOSO_LEDGER_URL", "").strip():
        try:
            file = Ledger(url, account=None, read_only=True).file
        except SettingsError as error:
            yield failed(error)
        else:
            if file is not None and not file.is_absolute():
                text = "SENDOSO_LEDGER_URL names a file without its whole path."
                yield Check("FAIL", text, f"{_WHOLE_PATH} It has four slashes: sqlite:////whole/path")


def _not_there(file: Path) -> Check:
    """A server makes its ledger when it starts, if it may."""
    there = next((parent for parent in file.parents if parent.exists()), file)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Check("info", f"Ledger: {file} is not there yet; a server makes it when it starts")
    return Check(
        "FAIL", f"Ledger: {file} cannot be made: {there} may not be written.", "Set SENDOSO_LEDGER_URL."
    )


def _access(ledger: Ledger, where: str) -> Iterator[Check]:
    if ledger.writable():
        yield Check("ok", f"{where} can be written")
    else:
        advice = (
            "Let this account write it (of a file its directory, too), or set another SENDOSO_LEDGER_URL."
        )
        yield Check("FAIL", f"{where} may not be written, so no gift can be ordered.", advice)
    if ledger.file is None or sys.platform == "win32":
        return
    mode = stat.S_IMODE(ledger.file.stat().st_mode)
    if mode & 0o077:
        text = f"{where} may be used by others on this machine (mode {mode:o})."
        yield Check("FAIL", text, f"chmod 600 {ledger.file}")
    else:
        yield Check("ok", f"{where} is private (mode {mode:o})")


def _contents(ledger: Ledger) -> Iterator[Check]:
    from sendoso_mcp.spending.ledger import Break, State  # noqa: PLC0415 - see TYPE_CHECKING

    found = ledger.verify()
    if isinstance(found, Break):
        text = f"Ledger: it is not what its trail says, at {found.where}: {found.what}."
        yield Check("FAIL", text, "Stop the server, and see docs/audit.md for what this means.")
        return
    yield Check("ok", f"Ledger: its trail is whole ({found[0]} rows)")
    states = [intent.state for intent in ledger.unsettled()]
    waiting, unknown = states.count(State.NEEDS_REVIEW), states.count(State.UNKNOWN)
    if waiting or unknown:
        text = f"Ledger: orders that wait for a person: {waiting}; that are looked for at Sendoso: {unknown}"
        yield Check("info", text, "Their money is held until then. Run `sendoso-mcp review`.")


def _server(url: str) -> str:
    """A database server without its password; only its name, as people put secrets into odd places."""
    try:
        return f"PostgreSQL at {urlsplit(url).hostname or 'its usual place'}"
    except ValueError:
        return "PostgreSQL"
