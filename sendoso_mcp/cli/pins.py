"""The approver's PIN at a terminal: asked for without showing it, set, and what a try at it came to."""

from __future__ import annotations

import getpass
import math
import warnings
from datetime import datetime, timedelta

import anyio

from sendoso_mcp.cli.output import moment
from sendoso_mcp.errors import BadArgument
from sendoso_mcp.spending.approvals import Approvals
from sendoso_mcp.spending.desk import Decision, Ruling
from sendoso_mcp.spending.ledger import Decisions, Door, Ledger
from sendoso_mcp.spending.pin import LONGEST, SHORTEST, check_pin, hash_pin

NOT_SET = "No approver's PIN is set. {unchanged} Set one first: sendoso-mcp approvals set-pin"


def typed_pin(prompt: str, *, unchanged: str) -> str:
    """What was typed; empty if nothing was, or nothing that is text.

    Raises:
        BadArgument: the terminal would show it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except (EOFError, UnicodeDecodeError):
            print()
            return ""
        except getpass.GetPassWarning:
            raise BadArgument(
                f"This terminal would show the PIN, so it was not asked for. {unchanged} "
                "Use another terminal."
            ) from None


def is_right(ledger: Ledger, prompt: str, *, unchanged: str) -> bool:
    """Asks for the PIN and says what is wrong if it does not count. A wrong one delays the next try."""
    decisions = Decisions(ledger, Door.TERMINAL)
    pin = asked_for(decisions, prompt, unchanged=unchanged)
    if not pin:
        return False
    wrong = anyio.run(Approvals(ledger, Door.TERMINAL).check_pin, pin)
    if wrong is not None:
        print(refusal(wrong, ledger.now(), unchanged=unchanged))
        return False
    decisions.end_try()
    return True


def asked_for(decisions: Decisions, prompt: str, *, unchanged: str) -> str:
    """What was typed for the PIN; empty, and said why, if there is nothing to try."""
    if not decisions.has_pin():
        print(NOT_SET.format(unchanged=unchanged))
        return ""
    pin = typed_pin(prompt, unchanged=unchanged)
    if not pin:
        print(f"No PIN was typed. {unchanged}")
    return pin


def refusal(decision: Decision, now: datetime, *, unchanged: str) -> str:
    """Why a try at the PIN did not count, and when the next one does."""
    if decision.ruling is Ruling.NO_PIN_SET:
        return NOT_SET.format(unchanged=unchanged)
    what = "That PIN is not right."
    if decision.ruling is Ruling.TOO_SOON:
        what = "That was too soon after a wrong PIN, so the PIN was not looked at."
    # Never said shorter than it is.
    seconds = math.ceil(decision.wait)
    span = f"{seconds} second{'s' if seconds != 1 else ''}"
    if seconds >= 120:
        span = f"{math.ceil(seconds / 60)} minutes"
    at = moment(now + timedelta(seconds=seconds))
    return f"{what} {unchanged} The next try counts in {span}, at {at}; none before it."


def set_pin(ledger: Ledger, actor: str) -> int:
    """Sets the PIN, after the old one if there is one; gives the exit status."""
    decisions = Decisions(ledger, Door.TERMINAL)
    had = decisions.has_pin()
    unchanged = "The PIN was not changed." if had else "No PIN was set."
    if had and not is_right(ledger, "The PIN that is set now: ", unchanged=unchanged):
        return 1
    print("Whoever knows the PIN can approve gifts. Never type it into a chat.")
    new = typed_pin(f"New PIN ({SHORTEST} to {LONGEST} characters): ", unchanged=unchanged)
    try:
        check_pin(new)
    except ValueError as error:
        print(f"{error} {unchanged}")
        return 1
    if typed_pin("The new PIN again: ", unchanged=unchanged) != new:
        print(f"These were two different PINs. {unchanged}")
        return 1
    if had:
        decisions.set_pin(hash_pin(new), actor)
    elif not decisions.set_first_pin(hash_pin(new), actor):
        print("Meanwhile somebody else set a PIN, and theirs counts. Yours was not set.")
        return 1
    print("The PIN is changed." if had else "The PIN is set.")
    return 0
