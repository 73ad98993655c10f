"""`sendoso-mcp approvals`: what waits for a person's yes, and their answer, outside every chat.

Nothing but a person at a terminal decides here, and a yes needs the approver's PIN, which no option and no
variable can give: a model that can run commands in some other tool has neither.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial

import anyio

from sendoso_mcp.cli import approving, envelopes, pins
from sendoso_mcp.cli.approvals_parser import Request, Wanted
from sendoso_mcp.cli.output import cell, readers
from sendoso_mcp.cli.terminal import at_terminal, says_yes
from sendoso_mcp.cli.user import user_name
from sendoso_mcp.errors import BadArgument, SettingsError
from sendoso_mcp.settings import Settings
from sendoso_mcp.spending.approvals import Approvals
from sendoso_mcp.spending.desk import Question, Ruling, Stand
from sendoso_mcp.spending.ledger import Decisions, Door, Ledger, Opened
from sendoso_mcp.spending.policy_file import read_policy

_NOTHING_APPROVED = "Nothing was approved, and nothing was ordered."
_NOTHING_DECIDED = "Nothing was decided."
_BY_THIS = "By this, nothing was approved, and nothing was ordered."
_PROMPT = "Approver's PIN: "


def approvals(settings: Settings, request: Request) -> int:
    """Lists, shows or decides; gives the exit status: 1 if nothing was decided that should have been.

    Raises:
        SettingsError: there is no ledger that this process could share with a server.
        BadArgument: it cannot be done as asked; nothing was decided.
        LedgerUnavailable: the ledger cannot be used.
    """
    looks = request.action in ("list", "show")
    if not looks and not at_terminal():
        raise BadArgument(
            f"Only a person at a terminal can decide. {_NOTHING_DECIDED} Run this command in a terminal, "
            "without sending its input or output elsewhere."
        )
    if request.wanted is not None and not read_policy(settings.policy_file).approval.envelopes:
        print(f"Policy allows no envelopes ([approval] envelopes = false). {envelopes.NOT_OPENED}")
        return 1
    # Whoever approves need not have the key: without one, the ledger says whose sends it holds.
    account = None if settings.sandbox else settings.account
    with closing(Ledger(settings.ledger, account=account, read_only=True)) as there:
        if there.in_memory:
            raise SettingsError(
                "The ledger of these settings is in memory, where no other process sees it: the "
                f"embedded sandbox's questions are answered on its approval page. {_NOTHING_DECIDED} For "
                "those of a server whose ledger lasts, set SENDOSO_API_KEY or SENDOSO_LEDGER_URL as there."
            )
        # Before it is opened to be written, as that would make one.
        there.open()
        account = there.account
        if looks:
            return _run(_Desk(there).look, request)
    with closing(Ledger(settings.ledger, account=account)) as ledger:
        return _run(_Desk(ledger).decide, request)


def _run(action: Callable[[Request], int], request: Request) -> int:
    status = 1  # where nobody reads on
    with readers():
        status = action(request)
    return status


class _Desk:
    """The decisions of one person at one terminal."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._desk, self._decisions = Approvals(ledger, Door.TERMINAL), Decisions(ledger, Door.TERMINAL)
        self._actor = f"approvals by {user_name() or 'a user without a name'}"

    def look(self, request: Request) -> int:
        """Lists or shows."""
        if request.action == "show":
            return self._show(request.id, as_json=request.as_json)
        return self._list(as_json=request.as_json)

    def decide(self, request: Request) -> int:
        """Does what changes something."""
        match request.action:
            case "approve":
                return self._approve(request.id)
            case "reject":
                return self._reject(request.id)
            case "revoke":
                return self._revoke(request.id)
            case "set-pin":
                return pins.set_pin(self._ledger, self._actor)
        if request.wanted is None:
            raise ValueError("only an envelope is left, and says what it wants")
        return self._open(request.wanted)

    def _list(self, *, as_json: bool) -> int:
        questions, opened = anyio.run(self._desk.waiting), self._decisions.opened()
        if as_json:
            for found in (
                *(approving.question_data(question) for question in questions),
                *(envelopes.envelope_data(envelope) for envelope in opened),
            ):
                # Only ASCII, so that no letter of a name does anything to a terminal.
                print(json.dumps(found))
            return 0
        print(approving.how_many(len(questions)))
        now = self._ledger.now()
        for question in questions:
            print("\n" + approving.in_short(question, now))
        for envelope in opened:
            print("\n" + envelopes.envelope(envelope))
        if questions or opened:
            print("\n" + approving.HOW)
        return 0

    def _show(self, id_: str, *, as_json: bool) -> int:
        question = self._question(id_)
        if question is not None:
            now = self._ledger.now()
            if as_json:
                print(json.dumps(approving.question_data(question)))
                return 0
            print(approving.in_full(question, now))
            if not approving.is_open(question, now) or question.stand is Stand.APPROVED:
                print(approving.became(question, now))
            return 0
        envelope = self._envelope(id_)
        if envelope is not None:
            print(json.dumps(envelopes.envelope_data(envelope)) if as_json else envelopes.envelope(envelope))
            return 0
        print(
            f"The ledger has no question and no open envelope {cell(id_)}.",
            file=sys.stderr if as_json else sys.stdout,
        )
        return 1

    def _approve(self, id_: str) -> int:
        question = self._open_question(id_, otherwise=_NOTHING_APPROVED)
        if question is None:
            return 1
        if question.stand is not Stand.WAITING:
            print(f"{approving.became(question, self._ledger.now())} {_BY_THIS}")
            return 1
        print("\nA yes counts once, for exactly this.")
        pin = pins.asked_for(self._decisions, _PROMPT, unchanged=_NOTHING_APPROVED)
        if not pin:
            return 1
        decision = anyio.run(
            partial(self._desk.approve, question.id, seal=question.seal, pin=pin, approver=self._actor)
        )
        if decision.ruling is Ruling.DONE:
            print(f"Approved. {approving.calls_again(question)}")
            return 0
        if decision.ruling in (Ruling.WRONG_PIN, Ruling.TOO_SOON, Ruling.NO_PIN_SET):
            print(pins.refusal(decision, self._ledger.now(), unchanged=_NOTHING_APPROVED))
            return 1
        return self._overtaken(question, decision.ruling, otherwise=_NOTHING_APPROVED)

    def _reject(self, id_: str) -> int:
        question = self._open_question(id_, otherwise=_NOTHING_DECIDED)
        return 1 if question is None else self._refuse(question)

    def _revoke(self, id_: str) -> int:
        envelope = self._envelope(id_)
        if envelope is not None:
            return self._close(envelope)
        question = self._open_question(id_, otherwise=_NOTHING_DECIDED)
        if question is None:
            return 1
        if question.stand is not Stand.APPROVED:
            print(
                f"There is no yes to take back yet. {_NOTHING_DECIDED} To say no: sendoso-mcp approvals "
                f"reject {cell(question.id)}"
            )
            return 1
        return self._refuse(question)

    def _refuse(self, question: Question) -> int:
        taking_back = question.stand is Stand.APPROVED
        if not _says_yes("Take the yes back?" if taking_back else "Refuse this?"):
            return 1
        decision = anyio.run(
            partial(self._desk.reject, question.id, seal=question.seal, approver=self._actor)
        )
        if decision.ruling is not Ruling.DONE:
            return self._overtaken(question, decision.ruling, otherwise=_NOTHING_DECIDED)
        what = "ordered" if question.price is not None else "cancelled"
        print(f"{'The yes is taken back' if taking_back else 'Refused'}. Nothing is {what} on this question.")
        return 0

    def _close(self, opened: Opened) -> int:
        print(envelopes.envelope(opened))
        if not _says_yes("Close this envelope?"):
            return 1
        if not self._decisions.revoke_envelope(opened.envelope.id, self._actor):
            print("Meanwhile it had ended or was closed. Nothing more was changed.")
            return 1
        print("The envelope is closed: no more is sent out of it. What was ordered stays ordered.")
        return 0

    def _open(self, wanted: Wanted) -> int:
        allowed = envelopes.envelope_of(wanted, self._ledger.now(), self._actor)
        print("This would be allowed in advance:")
        print(envelopes.facts_block(allowed))
        print("Policy's limits hold for these sends as for all others.")
        if not pins.is_right(self._ledger, _PROMPT, unchanged=envelopes.NOT_OPENED):
            return 1
        self._decisions.open_envelope(allowed)
        print(f"Envelope {allowed.id} is open. To close it: sendoso-mcp approvals revoke {allowed.id}")
        return 0

    def _open_question(self, id_: str, *, otherwise: str) -> Question | None:
        """The question after it was shown; None, and said why, if nothing can be decided about it."""
        question = self._question(id_)
        if question is None:
            print(f"The ledger has no question {cell(id_)}. {otherwise}")
            return None
        now = self._ledger.now()
        print(approving.in_full(question, now))
        if not approving.is_open(question, now):
            print(f"{approving.became(question, now)} {_BY_THIS}")
            return None
        return question

    def _overtaken(self, shown: Question, ruling: Ruling, *, otherwise: str) -> int:
        """Says what happened while the person thought; gives the exit status."""
        if ruling is Ruling.CHANGED:
            print(
                f"The facts are not those that were shown any more. {otherwise} Look again: "
                f"sendoso-mcp approvals show {cell(shown.id)}"
            )
            return 1
        question = self._question(shown.id)
        if question is None:
            print(f"The ledger has no question {cell(shown.id)} any more. {otherwise}")
        else:
            print(
                f"Meanwhile something else became of it. {approving.became(question, self._ledger.now())} "
                f"{_BY_THIS}"
            )
        return 1

    def _question(self, id_: str) -> Question | None:
        return anyio.run(self._desk.question, id_) if envelopes.is_id(id_) else None

    def _envelope(self, id_: str) -> Opened | None:
        return next((one for one in self._decisions.opened() if one.envelope.id == id_), None)


def _says_yes(question: str) -> bool:
    return says_yes(f"\n{question}", otherwise=_NOTHING_DECIDED)
