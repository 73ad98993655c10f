"""What commands print: text from outside plays no tricks with the terminal, and a reader may go away."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sendoso_mcp.hygiene import clean_line, quoted


@contextmanager
def readers() -> Iterator[None]:
    """Around a command that prints.

    A console that lacks a letter gets a `?` for it. Whoever stops reading, as `head` does, has seen enough,
    and the rest goes nowhere.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Or Python complains about what it could not write when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def cell(text: object, *, longest: int = 60) -> str:
    """Text from outside, on one line."""
    return clean_line(str(text), longest=longest)


def person(name: str, email: str, recipient_id: str) -> str:
    """A recipient in a sentence or a row of facts."""
    address = f" <{cell(email, longest=120)}>" if email else ""
    return f"{quoted(name or recipient_id)}{address} ({cell(recipient_id)})"


def gift(name: str, item_id: str) -> str:
    """A gift in a sentence or a row of facts."""
    return f"{quoted(name or item_id)} ({cell(item_id)})"


def moment(at: datetime) -> str:
    """A moment as people read it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
