"""The job that every client does, and the person who decides meanwhile. Standard library only.

`job` is a generator: it yields tool calls and is sent their answers, so that it can be what a client's user
types as well as what a framework's model says next.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

PIN = "271828"
"""Of the embedded sandbox, which tells everybody."""
READS = 1.1
"""Seconds: an answer in the chat that comes sooner was given by no person (policy's read_seconds)."""
BUDGET = "sendoso://budget"
PROMPT = "draft_gift"
PROMPT_ARGUMENTS = {"recipient": "Sarah Johnson"}

Answer = dict[str, Any]
Step = tuple[str, Answer] | str
Job = Generator[Step, Any, Answer]


class Failed(Exception):
    """A client did not get what the job needs."""


@dataclass
class Person:
    """Somebody who decides, in a form or on the approval page.

    Attributes:
        says_yes: what they decide now.
        asked: what they were shown in forms.
    """

    says_yes: bool = True
    asked: list[str] = field(default_factory=list)

    def fills(self, message: str, schema: Answer) -> dict[str, str]:
        """A form's content. The refusal is its first choice, the yes its last."""
        self.asked.append(message)
        choices = schema["properties"]["decision"]["enum"]
        return {"decision": choices[-1 if self.says_yes else 0]}

    def decides(self, url: str) -> None:
        """Opens a question's page, fills in its form as a browser does, and sends it.

        Raises:
            Failed: the page shows no decision afterwards.
        """
        form = _Form("yes" if self.says_yes else "no")
        form.feed(_get(urllib.request.Request(url)))
        fields = form.fields | ({"pin": PIN} if self.says_yes else {})
        parts = urllib.parse.urlsplit(url)
        headers = {"Origin": f"{parts.scheme}://{parts.netloc}", "Sec-Fetch-Site": "same-origin"}
        data = urllib.parse.urlencode(fields).encode()
        page = _get(urllib.request.Request(url, data, headers))
        after = _Form("yes")
        after.feed(page)
        if after.fields:
            raise Failed(f"the approval page still asks after the answer: {page}")


class _Form(HTMLParser):
    """The hidden fields of one form."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._id, self._inside = form_id, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self._inside = found.get("id") == self._id
        elif tag == "input" and self._inside and found.get("type") == "hidden":
            self.fields[str(found["name"])] = str(found["value"])


def _get(request: urllib.request.Request) -> str:
    if urllib.parse.urlsplit(request.full_url).hostname != "127.0.0.1":
        raise Failed(f"{request.full_url} is not on this machine")
    # No proxy stands between a person and their own machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        return str(answer.read().decode())


def job(person: Person, email: str) -> Job:
    """Finds, previews, sends with a yes, repeats, and is refused; what was seen is its value.

    Args:
        person: decides; asked in a form by the client, or sent to the approval page by the job.
        email: of a person to add to the address book.
    """
    gifts = (yield "search_inventory", {"query": "coffee", "max_price": 40, "limit": 5})["gifts"]
    gift, other = gifts[0], gifts[1]
    sarah = (yield "search_recipients", {"query": "Sarah Johnson"})["people"][0]
    added = yield "create_recipient", {"first_name": "Ana", "last_name": "Lima", "email": email}
    people = (yield "search_recipients", {"query": email})["people"]
    order = {
        "recipient_id": sarah["id"],
        "item_id": gift["id"],
        "message": "Obrigada, Sarah!",
        "idempotency_key": f"yes-{email}",
    }
    preview = yield "preview_send", order
    totals = [(yield "list_sends", {"limit": 1})["total"]]
    left = [(yield "get_budget", {})["remaining"]]

    person.says_yes = True
    sent = yield from _send(person, order)
    totals.append((yield "list_sends", {"limit": 1})["total"])
    again = yield "create_send", order
    totals.append((yield "list_sends", {"limit": 1})["total"])
    left.append((yield "get_budget", {})["remaining"])
    found = yield "get_send", {"send_id": sent["send_id"]}

    person.says_yes = False
    refused = {**order, "item_id": other["id"], "idempotency_key": f"no-{email}"}
    declined = yield from _send(person, refused)
    totals.append((yield "list_sends", {"limit": 1})["total"])
    left.append((yield "get_budget", {})["remaining"])
    return {
        "added_found": [one["id"] for one in people] == [added["recipient_id"]],
        "preview": [preview["verdict"], preview["approval"]],
        "outcomes": [sent["outcome"], again["outcome"], declined["outcome"]],
        "same_send": sent["send_id"] == again["send_id"],
        "message": found["message"],
        # Of gifts ever sent: before, after the yes, after the repeat, after the no.
        "totals": totals,
        # What the budget lost, less what the gift cost; a repeat and a refusal cost nothing.
        "unexplained": [round(abs(left[0] - left[1] - sent["cost"]), 2), round(abs(left[1] - left[2]), 2)],
        "forms": len(person.asked),
    }


def gift() -> Job:
    """Finds a gift and a person and sends it; where that waits for a yes, says so, and calls again."""
    gifts = (yield "search_inventory", {"query": "coffee", "max_price": 40, "limit": 1})["gifts"]
    people = (yield "search_recipients", {"query": "Sarah Johnson", "limit": 1})["people"]
    order = {"recipient_id": people[0]["id"], "item_id": gifts[0]["id"], "idempotency_key": "k"}
    done: Answer = yield "create_send", order
    if done["outcome"] == "approval_required":
        yield f"Decide at {done['url']}"
        done = yield "create_send", order
    return done


def _send(person: Person, order: Answer) -> Job:
    """Sends, and has the person decide on the page where the client could not show a form."""
    done: Answer = yield "create_send", order
    if done["outcome"] == "approval_required":
        person.decides(done["url"])
        done = yield "create_send", order
    return done


class Script:
    """A job as what a scripted model says: after each answer the next call, or words.

    Attributes:
        seen: the job's value, once it is done.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self.seen: Answer | None = None

    @classmethod
    def for_person(cls, person: Person) -> Script:
        """The whole job, with this person, for a newcomer whom no other run has added."""
        return cls(job(person, email()))

    def next(self, answer: Answer | None) -> Step:
        """What comes after this answer, which is None at first and after words; in the end words."""
        try:
            return self._job.send(answer)
        except StopIteration as ended:
            self.seen = dict(ended.value)
            return f"Done: {self.seen}"


async def by_hand(person: Person, email: str, call: Callable[[str, Answer], Awaitable[Answer]]) -> Answer:
    """Does the job with a function that calls a tool."""
    script = Script(job(person, email))
    answer: Answer | None = None
    while not isinstance(step := script.next(answer), str):
        answer = await call(*step)
    assert script.seen is not None
    return script.seen


def report(**facts: Any) -> None:
    """Tells the test what was seen: the last line of standard output."""
    print(json.dumps(facts), flush=True)


def target() -> tuple[str, str]:
    """`stdio` and the server's command, or `http` and its address, as the test gave them."""
    *_, transport, where = sys.argv
    return transport, where


def email() -> str:
    """An address that no other run has."""
    return f"ana.{time.time_ns()}@lima.example"
