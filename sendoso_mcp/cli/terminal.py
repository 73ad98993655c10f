"""Whether a person is at a terminal, and what they say there."""

from __future__ import annotations

import sys


def at_terminal() -> bool:
    """Whether somebody can read what is printed, and type an answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def says_yes(question: str, *, otherwise: str) -> bool:
    """Whether the person types yes; prints `otherwise` if they do not."""
    try:
        answer = input(f"{question} Type yes: ")
    except (EOFError, UnicodeDecodeError):
        answer = ""
    if answer.strip().lower() != "yes":
        print(otherwise)
        return False
    return True
