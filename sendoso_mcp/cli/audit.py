"""`sendoso-mcp audit`: what the ledger's trail says, and whether the ledger is still what it says."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import dataclass, field, replace

from sendoso_mcp.cli import register
from sendoso_mcp.cli.deeds import HEADS, cells_of, deeds_of
from sendoso_mcp.cli.output import cell, readers
from sendoso_mcp.cli.trail import Selection, day_of, latest_of, rows_of
from sendoso_mcp.errors import BadArgument, LedgerUnavailable, SettingsError
from sendoso_mcp.settings import Settings
from sendoso_mcp.spending.ledger import Break, Ledger

_EMPTY = "The ledger is empty: no gift was ever asked for through it."
_NO_DEEDS = "No deeds: no PIN was set, no envelope opened, no cancellation asked for, no recipient made."
_LONGEST = 500
"""Characters: an envelope may name many people; --json has them all."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is wanted of the trail; `register` is a file, or `-` for standard output.

    With `deeds` it is not the trail that is shown, but what people did besides.
    """

    selection: Selection = field(default_factory=Selection)
    as_json: bool = False
    verify: bool = False
    register: str | None = None
    deeds: bool = False


def audit(settings: Settings, options: Options) -> int:
    """Prints it; gives the exit status: 1 if the ledger is found to be broken, or nobody reads on.

    Raises:
        SettingsError: there is no ledger to read.
        BadArgument: the options cannot be meant.
        LedgerUnavailable: the ledger cannot be read.
    """
    options.selection.check()
    if options.verify and (options.selection or options.deeds or options.register is not None):
        raise BadArgument(
            "--verify looks at the whole ledger: leave out --register, --deeds, and what selects rows."
        )
    by_intent = replace(options.selection, since=None, until=None)
    if options.deeds and (by_intent or options.register is not None):
        raise BadArgument("--deeds are about no intent: only --since, --until and --json go with it.")
    ledger = open_to_read(settings)
    status = 1
    with readers(), closing(ledger):
        if options.verify:
            status = _verify(ledger, as_json=options.as_json)
        elif options.register is not None:
            status = _register(ledger, options.selection, options.register)
        elif options.deeds:
            status = _show_deeds(ledger, options.selection, as_json=options.as_json)
        else:
            status = _show(ledger, options.selection, as_json=options.as_json)
    return status


def open_to_read(settings: Settings) -> Ledger:
    """The ledger that the environment names, to be read by anybody who may read the file.

    Raises:
        SettingsError: it names none that outlives its server.
    """
    ledger = Ledger(settings.ledger, account=None, read_only=True, patience=())
    if ledger.in_memory and settings.ledger_url is not None:
        raise SettingsError("SENDOSO_LEDGER_URL names a ledger in memory, which ends with its server.")
    if ledger.in_memory:
        usual = Settings(api_key="any").ledger
        raise SettingsError(
            "Without SENDOSO_API_KEY the server uses the embedded sandbox, which keeps its ledger only while "
            "it runs, so there is none to read here. To read a server's ledger, set SENDOSO_API_KEY or "
            "SENDOSO_LEDGER_URL as its own environment has them (for a server with a key usually "
            f"SENDOSO_LEDGER_URL={usual})."
        )
    return ledger


def _verify(ledger: Ledger, *, as_json: bool) -> int:
    try:
        found = ledger.verify()
    except (LedgerUnavailable, SettingsError) as error:
        # A ledger that is gone or cannot be read is not a whole one.
        found = Break("ledger", str(error))
    if isinstance(found, Break):
        if as_json:
            print(json.dumps({"whole": False, "where": found.where, "what": found.what}))
        else:
            print(f"Broken: {cell(found.where, longest=200)}: {cell(found.what, longest=1000)}")
        return 1
    rows, head = found
    if as_json:
        # The head is over both chains, and only this hash can be looked up in the trail again.
        last = next((entry.hash for entry in ledger.trail() if entry.seq == rows), "")
        print(json.dumps({"whole": True, "rows": rows, "head": head, "trail": last}))
    else:
        print(f"Whole: {rows} rows, head {head or 'none'}")
    return 0


def _register(ledger: Ledger, selection: Selection, target: str) -> int:
    found = [
        row
        for row in register.gifts(latest_of(rows_of(ledger)).values())
        if selection.has_intent(row) and selection.has_day(day_of(row["order"]["begun_at"]))
    ]
    register.write(found, target)
    whole = ledger.verify()
    if isinstance(whole, Break):
        print(
            f"sendoso-mcp: The register has {len(found)} gifts, and the ledger that it comes from is BROKEN "
            f"at {cell(whole.where, longest=200)}: {cell(whole.what, longest=1000)}",
            file=sys.stderr,
        )
        return 1
    print(f"{len(found)} gifts. The trail is whole: {whole[0]} rows, head {whole[1]}", file=sys.stderr)
    return 0


def _show(ledger: Ledger, selection: Selection, *, as_json: bool) -> int:
    rows = rows_of(ledger)
    latest = latest_of(rows)
    found = [
        row
        for row in rows
        if selection.has_day(day_of(row["at"])) and selection.has_intent(latest[row["intent"]])
    ]
    if not found:
        print("No row matches." if rows else _EMPTY, file=sys.stderr if as_json else sys.stdout)
    elif as_json:
        for row in found:
            # Only ASCII, so that no letter of a name does anything to a terminal.
            print(json.dumps(row))
    else:
        from sendoso_mcp.cli.table import table_of  # noqa: PLC0415 - rich, for people only

        print(table_of(found))
        of = f" of {len(rows)}" if len(found) < len(rows) else ""
        print(f"\n{len(found)}{of} rows; the ledger of {cell(ledger.account)}")
    return 0


def _show_deeds(ledger: Ledger, selection: Selection, *, as_json: bool) -> int:
    deeds = deeds_of(ledger)
    found = [deed for deed in deeds if selection.has_day(day_of(deed["at"]))]
    if not found:
        text = "No deed is of these days." if deeds else _NO_DEEDS
        print(text, file=sys.stderr if as_json else sys.stdout)
    elif as_json:
        for deed in found:
            print(json.dumps(deed))
    else:
        from sendoso_mcp.cli.table import drawn  # noqa: PLC0415 - rich, for people only

        rows = ([cell(text, longest=_LONGEST) for text in cells_of(deed)] for deed in found)
        print(drawn(HEADS, rows))
        of = f" of {len(deeds)}" if len(found) < len(deeds) else ""
        print(f"\n{len(found)}{of} deeds; the ledger of {cell(ledger.account)}")
    return 0
