"""The table that `make bench` prints: what was measured, ours beside others', and which promises are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 120
"""Characters that a line of the table has at most."""


def duration(seconds: float) -> str:
    """Seconds as people read them: three figures that count."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.1f} ms"


def mebibytes(size: float) -> str:
    return f"{size / 1024**2:.1f} MiB"


def number(count: float) -> str:
    return f"{count:,.0f}"


@dataclass(frozen=True, slots=True)
class Beside:
    """Another's figure for the same thing. `most` is what ours may be of it, if that is promised."""

    name: str
    figure: float
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured: a median, or of what does not vary by chance the most.

    `runs` says how often; `most` is the promise, in the figure's own unit.
    """

    what: str
    ours: float
    shown: Callable[[float], str]
    runs: str
    beside: Sequence[Beside] = ()
    most: float | None = None

    @property
    def kept(self) -> bool:
        """Whether all that is promised of it holds in these runs."""
        return (self.most is None or self.ours <= self.most) and all(
            other.most is None or self.ours <= other.most * other.figure for other in self.beside
        )


@dataclass(frozen=True, slots=True)
class Size:
    """How often things are measured. Odd numbers, so that a median is one that was measured."""

    starts: int
    rounds: int
    calls: int
    """A round's calls of one server, one after the other; of many at once there are at least four each."""
    orders: int
    guarded: int
    """Sends of a round, with and without the guard; their 99th percentile wants many."""
    gifts: tuple[int, ...]
    searches: int


WHOLE = Size(starts=11, rounds=5, calls=50, orders=15, guarded=60, gifts=(1_000, 10_000, 100_000), searches=3)
QUICK = Size(starts=3, rounds=3, calls=20, orders=3, guarded=20, gifts=(1_000, 10_000), searches=1)


def show(rows: Iterable[Row], out: Console | None = None) -> int:
    """Prints the table; returns 1 if a promise is not kept, else 0."""
    out = out or Console(width=WIDTH, highlight=False)
    rows = list(rows)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("what", no_wrap=True)
    table.add_column("ours", justify="right", no_wrap=True)
    table.add_column("beside", no_wrap=True)
    table.add_column("theirs", justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("promised", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    for row in rows:
        for cells in _lines(row):
            table.add_row(*cells)
    out.print(table)
    broken = [row.what for row in rows if not row.kept]
    promised = [row for row in rows if row.most is not None or any(one.most for one in row.beside)]
    out.print(f"\n{len(promised) - len(broken)} of {len(promised)} promises kept in this run.")
    if broken:
        out.print(f"Not kept: {'; '.join(broken)}.", style="bold red")
    return 1 if broken else 0


def _lines(row: Row) -> Iterable[Sequence[Text | str]]:
    """The row's first line, and one more for each other it stands beside."""
    what, ours, runs = row.what, row.shown(row.ours), row.runs
    if row.most is not None or not row.beside:
        yield what, ours, "", "", "", *_verdict(row.ours, row.most, row.shown), runs
        what, ours, runs = "", "", ""
    for other in row.beside:
        ratio = row.ours / other.figure
        verdict = _verdict(ratio, other.most, str)
        yield what, ours, other.name, row.shown(other.figure), f"{ratio:.3f}", *verdict, runs
        what, ours, runs = "", "", ""


def _verdict(figure: float, most: float | None, shown: Callable[[float], str]) -> tuple[str, Text | str]:
    if most is None:
        return "", ""
    verdict = Text("kept", "green") if figure <= most else Text("NOT KEPT", "bold red")
    return f"<= {shown(most)}", verdict


def load() -> float:
    """How many processes want to run, averaged over the last minute; 0 where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
