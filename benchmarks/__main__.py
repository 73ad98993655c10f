"""`make bench`: one table, from one run. docs/performance.md says how to read it."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from benchmarks import calls, characters, orders, search, sends, starts
from benchmarks.table import QUICK, WHOLE, Row, Size, load, show

PARTS: dict[str, Callable[[Size, TextIO], Iterator[Row]]] = {
    "starts": starts.measure,
    "calls": calls.measure,
    "orders": orders.measure,
    "sends": sends.measure,
    "search": search.measure,
    "characters": characters.measure,
}


def main() -> int:
    """Measures and prints; returns 1 if a promise is not kept, 2 if something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few runs of everything, in about a minute")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these: {', '.join(PARTS)}")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))} (there are {', '.join(PARTS)})")
    logging.disable(logging.INFO)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load():.1f}{_busy()}")
    begun = time.monotonic()
    rows: list[Row] = []
    for name, measure in PARTS.items():
        if arguments.parts and name not in arguments.parts:
            continue
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            try:
                rows += measure(QUICK if arguments.quick else WHOLE, log)
            except KeyboardInterrupt:
                return 130
            except Exception as error:  # whatever a server under measurement does
                log.seek(0)
                print(*log.readlines()[-20:], sep="", file=sys.stderr)
                print(f"{name} could not be measured: {type(error).__name__}: {error}", file=sys.stderr)
                return 2
    status = show(rows)
    print(f"Measured in {time.monotonic() - begun:.0f} s; load at the end {load():.1f}.")
    return status


def _busy() -> str:
    """A warning, if others want the cores: server and client need two for themselves."""
    if load() < max(1, (os.cpu_count() or 1) - 2):
        return ""
    return ": others keep it busy, so times are longer than they need be, and promises of times may fail"


if __name__ == "__main__":
    sys.exit(main())
