"""Reconciliation against histories made by chance, where it is known who made which send."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import pytest

from deep.histories import DAY, GIFTS, MICROSECOND, MIDNIGHT, PEOPLE, SECOND, History, a_history, is_clear
from sendoso_mcp.models import Send
from sendoso_mcp.spending.reconcile import Attempt, Match, match

HISTORIES = 10_000
"""In `make test` too: they take a second or two."""

Matcher = Callable[[Attempt, Sequence[Send], Collection[str], Iterable[Attempt]], Match]


@dataclass(slots=True)
class Tally:
    arrived: int = 0
    found: int = 0
    clear: int = 0
    clear_and_found: int = 0
    unseen: int = 0
    false: int = 0


def settle(history: History, matcher: Matcher, tally: Tally) -> None:
    """As the guard does: one order after the other, until nothing more can be settled.

    A send that is matched is owned from then on, and its order is no rival any more.
    """
    maker = {one.id: one.maker for one in history.made}
    clear = {attempt.intent_id for attempt in history.unsettled if is_clear(history, attempt)}
    open_, owned = list(history.unsettled), set(history.owned)
    answers: dict[str, Match] = {}
    settled = True
    while settled:
        settled = False
        for attempt in tuple(open_):
            answer = answers[attempt.intent_id] = matcher(attempt, history.listed, owned, tuple(open_))
            if answer.send is not None:
                owned.add(answer.send.id)
                open_.remove(attempt)
                settled = True
    for attempt in history.unsettled:
        answer, ours = answers[attempt.intent_id], {one.id for one in history.made_by(attempt)}
        tally.arrived += bool(ours)
        tally.clear += attempt.intent_id in clear
        if answer.send is None:
            tally.unseen += not ours <= {one.id for one in answer.candidates}
        elif maker[answer.send.id] != attempt.intent_id:
            tally.false += 1
        else:
            tally.found += 1
            tally.clear_and_found += attempt.intent_id in clear


def as_built(
    attempt: Attempt, sends: Sequence[Send], owned: Collection[str], rivals: Iterable[Attempt]
) -> Match:
    return match(attempt, sends, owned=owned, rivals=rivals)


def test_no_history_leads_to_a_false_match(figure: Callable[[str], None]) -> None:
    """Somebody else's send is never claimed, and an order that arrived is found, or shown to a person.

    Not every history can be decided. If an order was lost for good, and somebody else ordered the same for
    the same person in the same words while it lived by Sendoso's clock, everything that is told is as if it
    had arrived. Such histories are here only with a mark on the order; if the caller gave a `crm_id`, so that
    there is no place for a mark, the look-alike is left out. Also left out: clocks that differ by more than
    `CLOCKS`, and a Sendoso that makes a send more than `LATE` after we stopped waiting.
    """
    tally = Tally()
    for number in range(HISTORIES):
        settle(a_history(number), as_built, tally)
    figure(
        f"reconciliation: {HISTORIES:,} histories, {tally.arrived:,} orders arrived, {tally.found:,} found"
        f" again, {tally.arrived - tally.found:,} left to a person, {tally.false} false matches"
    )
    assert tally.false == 0
    assert tally.unseen == 0, "a person is shown every send that may be the one"
    assert tally.clear_and_found == tally.clear > HISTORIES / 5, "what nothing stands beside is found"


def blind(
    order: Callable[[Attempt], Attempt] = lambda one: one,
    send: Callable[[Send], Send] = lambda one: one,
    *,
    owners: bool = True,
    others: bool = True,
) -> Matcher:
    """A matcher that sees orders and sends only so."""

    def matcher(
        attempt: Attempt, sends: Sequence[Send], owned: Collection[str], rivals: Iterable[Attempt]
    ) -> Match:
        return match(
            order(attempt),
            [send(one) for one in sends],
            owned=owned if owners else (),
            rivals=[order(one) for one in rivals] if others else (),
        )

    return matcher


def told(**facts: object) -> Callable[[Send], Send]:
    return lambda send: send.model_copy(update=facts)


def at_the_end_of_its_second(send: Send) -> Send:
    at = send.created_at
    return told(created_at=at + SECOND - MICROSECOND)(send) if at and at.microsecond == 0 else send


def as_if_clocks_agreed(
    attempt: Attempt, sends: Sequence[Send], owned: Collection[str], rivals: Iterable[Attempt]
) -> Match:
    """What is told too early for ours is not looked at."""
    in_time = [one for one in sends if one.created_at and one.created_at >= attempt.begun_at]
    return match(attempt, in_time, owned=owned, rivals=rivals)


def content_with_the_first(
    attempt: Attempt, sends: Sequence[Send], owned: Collection[str], rivals: Iterable[Attempt]
) -> Match:
    """Of several that fit, the first is taken."""
    answer = match(attempt, sends, owned=owned, rivals=rivals)
    return match(attempt, answer.candidates[:1], owned=owned, rivals=rivals) if answer.candidates else answer


BLIND = {
    "people": blind(send=told(recipient=PEOPLE["rcp_1"])),
    "gifts": blind(send=told(item=GIFTS["itm_1"])),
    "messages": blind(lambda one: replace(one, message=None), told(message=None)),
    "crm ids": blind(lambda one: replace(one, crm_id=None), told(crm_id=None)),
    "crm types": blind(lambda one: replace(one, crm_type=None), told(crm_type=None)),
    "marks": blind(lambda one: replace(one, mark=None)),
    "time": blind(lambda one: replace(one, begun_at=MIDNIGHT - DAY, ended_by=MIDNIGHT + 2 * DAY)),
    "owners": blind(owners=False),
    "rivals": blind(others=False),
    "clocks that differ": as_if_clocks_agreed,
    "whole seconds": blind(send=at_the_end_of_its_second),
    "the second that fits": content_with_the_first,
}


@pytest.mark.parametrize("matcher", BLIND.values(), ids=BLIND)
def test_the_histories_lead_a_matcher_astray_that_is_blind_to(matcher: Matcher) -> None:
    tally = Tally()
    for number in range(2_000):
        settle(a_history(number), matcher, tally)
    assert tally.false > 0
