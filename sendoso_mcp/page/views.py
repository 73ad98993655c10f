"""The pages. Whatever they are given is text; only `markup` makes markup of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from sendoso_mcp.page.markup import Html, el, join
from sendoso_mcp.page.notes import OF_OPEN, SET_PIN, alert, beside_pin, title_of
from sendoso_mcp.page.seals import Note
from sendoso_mcp.page.style import STYLE
from sendoso_mcp.page.words import amount, boxed, moment, plain, span
from sendoso_mcp.spending.desk import Question, Stand

MOST_LISTED = 100


@dataclass(frozen=True, slots=True)
class Views:
    """What is the same on every page of one request: where the app is mounted, and when."""

    root: str
    sandbox: bool
    now: datetime

    def listing(self, questions: Sequence[Question]) -> Html:
        """The open questions."""
        questions = [question for question in questions if question.expires_at > self.now]
        count = len(questions)
        heading = f"{count:,} question{'' if count == 1 else 's'} for you" if count else "No question waits"
        parts = [el("h1", heading)]
        if count:
            parts.append(el("p", "An assistant asked. Nothing is ordered without a yes.", class_="quiet"))
            cards = [self._card(question) for question in questions[:MOST_LISTED]]
            parts.append(el("ul", *cards, class_="cards", role="list"))
            if count > MOST_LISTED:
                parts.append(el("p", f"And {count - MOST_LISTED:,} more, shown when these are answered."))
        else:
            parts.append(el("p", "When an assistant needs a person's yes, its question is here."))
        return self._document(heading, *parts)

    def question(self, question: Question, *, token: str, note: Note | None) -> Html:
        """One question: its facts, and a form as long as something can be decided."""
        stand = question.stand if question.expires_at > self.now else Stand.CLOSED
        title, said = "", Html()
        if note is not None and (stand is Stand.WAITING or note.kind not in OF_OPEN):
            title, said = f"{title_of(note)}: ", alert(note, self.now, linked=stand is Stand.WAITING)
        if stand is Stand.WAITING:
            heading, lead = ("Allow this?" if question.price is None else "Send this gift?"), Html()
            form = self._decision(question, token, note)
        elif stand is Stand.APPROVED:
            heading, lead = "Approved", self._approved(question)
            form = self._taking_back(question, token)
        else:
            heading, lead = "Closed", self._ending(question)
            form = Html()
        top = el("div", el("h1", heading), self._price(question), class_="row")
        sheet = el("article", top, lead, self._facts(question), self._why(question), class_="sheet")
        return self._document(title + heading, said, sheet, form)

    def message(self, title: str, *text: str) -> Html:
        """A page that says why there is no other."""
        back = el("p", el("a", "See the open questions", href=self.link()))
        return self._document(title, el("div", el("h1", title), el("p", *text), back, class_="sheet"))

    def link(self, question_id: str = "") -> str:
        """Where the list or a question is."""
        return f"{self.root}/approvals" + (f"/{quote(question_id, safe='')}" if question_id else "")

    def _document(self, title: str, *parts: Html) -> Html:
        banner = Html()
        if self.sandbox:
            text = "Sandbox: a rehearsal. Nothing is really sent or charged."
            banner = el("p", text, class_="sandbox")
        head = el(
            "head",
            el("meta", charset="utf-8"),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            # Some phones make links of numbers, dates and addresses by themselves.
            el("meta", name="format-detection", content="telephone=no, date=no, address=no, email=no"),
            el("title", f"{title} · Gift approvals"),
            el("style", Html(STYLE)),
        )
        top = el(
            "header",
            el("a", "Gift approvals", href=self.link()),
            el("span", "sendoso-mcp", class_="quiet"),
            class_="top",
        )
        body = el("body", el("div", top, banner, el("main", *parts), class_="frame"))
        return join(Html("<!DOCTYPE html>\n"), el("html", head, body, lang="en"))

    def _card(self, question: Question) -> Html:
        return el(
            "li",
            el(
                "div",
                el("h2", el("a", f"Question {question.id}", href=self.link(question.id))),
                amount(question.price) if question.price is not None else Html(),
                class_="row",
            ),
            # The first lines say whom it is for and what it is; the rest is for the page of the question.
            el("dl", *(_fact(label, boxed(text, longest=80)) for label, text in question.lines[:3])),
            el("p", "Open until ", self._until(question), class_="quiet"),
            class_="sheet",
        )

    def _price(self, question: Question) -> Html:
        if question.price is None:
            return Html()
        more = el("span", "plus shipping and fees as Sendoso sets them", class_="quiet")
        return el("p", amount(question.price), more, class_="price")

    def _facts(self, question: Question) -> Html:
        facts = [_fact(label, boxed(text)) for label, text in question.lines]
        facts += [
            _fact("Asked by", boxed(question.asked_by, longest=120)),
            _fact("Asked on", moment(question.asked_at)),
            _fact("Open until", self._until(question)),
            _fact("Question", question.id),
        ]
        others = "Shaded text was written by others. It is no part of this page, and no link in it works."
        return join(el("dl", *facts), el("p", others, class_="quiet"))

    def _why(self, question: Question) -> Html:
        if not question.why:
            return Html()
        reasons = el("ul", *(el("li", plain(reason)) for reason in question.why))
        return join(el("h2", "Why a person is asked"), reasons)

    def _until(self, question: Question) -> Html:
        left = (question.expires_at - self.now).total_seconds()
        open_ = left > 0 and question.stand is not Stand.CLOSED
        return join(moment(question.expires_at), f" (in {span(left)})" if open_ else "")

    def _approved(self, question: Question) -> Html:
        return el(
            "p",
            el("strong", "The assistant must call again"),
            " before ",
            moment(question.expires_at),
            ". Until it does, nothing is ordered. Tell it that you have approved.",
            class_="good",
            role="status",
        )

    def _ending(self, question: Question) -> Html:
        if question.stand is not Stand.CLOSED:
            ended = "It expired before it was used." if question.stand is Stand.APPROVED else "It expired."
            return el("p", el("strong", ended), " Nothing was ordered, and nothing can be decided any more.")
        became = plain(question.ended_as, longest=80) or "closed"
        return el("p", "What became of it: ", el("strong", became), ". Nothing can be decided any more.")

    def _decision(self, question: Question, token: str, note: Note | None) -> Html:
        wrong = beside_pin(note)
        describes = "pin-wrong pin-hint" if wrong else "pin-hint"
        pin = el(
            "input",
            class_="pin",
            id="pin",
            name="pin",
            type="password",
            autocomplete="off",
            autocapitalize="none",
            spellcheck="false",
            required=True,
            aria_describedby=describes,
            aria_invalid="true" if wrong else False,
        )
        refusal = "Refuse" if question.price is None else "Do not send"
        return el(
            "section",
            el("h2", "Your decision", id="decision"),
            el(
                "p",
                "A yes counts once, for exactly this. It orders nothing by itself: "
                "the assistant must call again.",
            ),
            # Two forms, so that Enter in the PIN's field approves and a refusal needs no PIN.
            self._form(question, token, "reject", id_="no"),
            self._form(
                question,
                token,
                "approve",
                el("label", "Approver's PIN", for_="pin"),
                el(
                    "p",
                    "Set with ",
                    SET_PIN,
                    ". Never type it into the chat.",
                    id="pin-hint",
                    class_="quiet hint",
                ),
                wrong,
                pin,
                el(
                    "div",
                    el("button", refusal, type="submit", form="no"),
                    el("button", "Approve", type="submit", class_="yes"),
                    class_="choice",
                ),
                id_="yes",
            ),
            class_="sheet",
            aria_labelledby="decision",
        )

    def _taking_back(self, question: Question, token: str) -> Html:
        button = el("div", el("button", "Take the yes back", type="submit"), class_="choice")
        return el(
            "section",
            el("h2", "Changed your mind?", id="decision"),
            el("p", "As long as the yes was not used, you can take it back. That needs no PIN."),
            self._form(question, token, "reject", button, id_="no"),
            class_="sheet",
            aria_labelledby="decision",
        )

    def _form(self, question: Question, token: str, decision: str, *parts: Html, id_: str) -> Html:
        hidden = {"decision": decision, "seal": question.seal, "token": token}
        inputs = [el("input", type="hidden", name=name, value=value) for name, value in hidden.items()]
        return el(
            "form", *inputs, *parts, id=id_, method="post", action=self.link(question.id), autocomplete="off"
        )


def _fact(label: str, value: str) -> Html:
    return el("div", el("dt", plain(label, longest=40)), el("dd", value), class_="fact")
