"""The table of `make bench`: what it shows, and what it says of promises."""

from __future__ import annotations

import io

import anyio
import pytest
from rich.console import Console

from benchmarks.calls import latency
from benchmarks.search import by_size
from benchmarks.table import WIDTH, Beside, Row, duration, number, show


def printed(*rows: Row) -> tuple[int, str]:
    text = io.StringIO()
    status = show(rows, Console(file=text, width=WIDTH))
    return status, text.getvalue()


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        (Row("nothing promised", 9.0, duration, "1", [Beside("theirs", 1.0)]), True),
        (Row("at the bound", 10, number, "1", most=10), True),
        (Row("over the bound", 11, number, "1", most=10), False),
        (Row("at the ratio", 1.5, duration, "1", [Beside("theirs", 1.0, most=1.5)]), True),
        (Row("over the ratio", 1.501, duration, "1", [Beside("theirs", 1.0, most=1.5)]), False),
        (Row("over the second's", 2.0, duration, "1", [Beside("a", 1.0), Beside("b", 1.0, most=1.5)]), False),
        (Row("kept alone", 10, number, "1", [Beside("theirs", 1, most=2)], most=10), False),
    ],
    ids=lambda value: value.what if isinstance(value, Row) else "",
)
def test_a_promise_that_is_not_kept_is_named_and_gives_status_1(row: Row, kept: bool) -> None:
    status, text = printed(Row("another", 1, number, "1", most=1), row)
    assert status == (0 if kept else 1)
    assert (f"Not kept: {row.what}." in text) is not kept
    assert ("NOT KEPT" in text) is not kept


def test_a_row_shows_ours_theirs_ratio_promise_and_runs() -> None:
    others = [Beside("hello world", 0.5, most=1.15), Beside("httpx alone", 0.0123)]
    _, text = printed(Row("start", 0.75, duration, "11", others))
    first, second = (line.split() for line in text.splitlines()[1:3])
    assert " ".join(first) == "start 750 ms hello world 500 ms 1.500 <= 1.15 NOT KEPT 11"
    assert " ".join(second) == "httpx alone 12.3 ms 60.976"
    assert "0 of 1 promises kept" in text


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.00042, "0.4 ms"), (0.0999, "99.9 ms"), (0.4, "400 ms"), (6.0, "6.00 s")]
)
def test_a_duration_is_shown_in_the_unit_that_fits(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.anyio
async def test_so_many_calls_are_made_and_never_more_at_once_than_wanted() -> None:
    running, most, made = 0, 0, 0

    async def ask() -> None:
        nonlocal running, most, made
        running, made = running + 1, made + 1
        most = max(most, running)
        await anyio.lowlevel.checkpoint()
        running -= 1

    assert await latency(ask, 3, 10) > 0
    assert (made, most) == (10, 3)


def test_a_part_is_measured_at_any_size() -> None:
    rows = list(by_size(120, 1))
    assert [row.what.removeprefix("120 gifts: ") for row in rows] == [
        "indexing",
        "cold search",
        "warm search",
        "warm search, p99",
    ]
    assert all(row.ours > 0 for row in rows)
