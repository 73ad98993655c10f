from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from sendoso_mcp.models import Send
from sendoso_mcp.spending.reconcile import Attempt, days_to_read, match, new_mark

BEGUN = datetime(2026, 5, 2, 15, 30, 0, 400_500, tzinfo=UTC)
ENDED = BEGUN + timedelta(seconds=30)
MARK = new_mark("int_1")
PLAIN = Attempt("int_1", "rcp_1", "itm_1", "Thanks!", None, None, None, None, BEGUN, ENDED)
MARKED = replace(PLAIN, mark=MARK)
LINKED = replace(PLAIN, crm_id="003", crm_type="contact")


def ms(number: float) -> timedelta:
    return timedelta(milliseconds=number)


IN_TIME = BEGUN + ms(250)


def send(id_: str = "send_1", at: datetime | str | None = IN_TIME, **facts: Any) -> Send:
    """A send as `PLAIN` would have made it, told to the millisecond, save for what is given."""
    told = at.isoformat(timespec="milliseconds") if isinstance(at, datetime) else at
    return Send.model_validate(
        {
            "id": id_,
            "status": "pending",
            "recipient": {"id": "rcp_1"},
            "item": {"id": "itm_1"},
            "message": "Thanks!",
            "created_at": told,
        }
        | facts
    )


def found(
    attempt: Attempt, *sends: Send, owned: tuple[str, ...] = (), rivals: tuple[Attempt, ...] = ()
) -> str:
    """The id of the send that is matched, or `?` and the ids that a person is shown."""
    answer = match(attempt, sends, owned=owned, rivals=rivals)
    assert not (answer.send and answer.candidates)
    return answer.send.id if answer.send else "?" + ",".join(one.id for one in answer.candidates)


def test_the_send_with_all_facts_in_time_is_ours() -> None:
    assert found(PLAIN, send()) == "send_1"
    assert found(LINKED, send(crm_id="003", crm_type="contact")) == "send_1"


def test_where_nothing_is_listed_there_is_nothing_to_see() -> None:
    assert found(PLAIN) == found(MARKED) == "?"


OTHER_FACTS: list[dict[str, Any]] = [
    {"recipient": {"id": "rcp_2"}},
    {"item": {"id": "itm_2"}},
    {"message": "Thanks"},
    {"message": "thanks!"},
    {"message": "Thanks!  !"},
    {"message": ""},
    {"message": None},
    {"crm_id": "004"},
    {"crm_id": MARK},
    {"crm_id": None},
    {"crm_id": "003 "},
    {"crm_type": "lead"},
    {"at": BEGUN - timedelta(hours=1)},
    {"at": BEGUN + timedelta(hours=1)},
]


@pytest.mark.parametrize("facts", OTHER_FACTS, ids=str)
def test_one_other_fact_makes_it_somebody_elses(facts: dict[str, Any]) -> None:
    ours: dict[str, Any] = {"crm_id": "003", "crm_type": "contact"}
    assert found(LINKED, send(**ours | facts)) == "?"
    assert found(LINKED, send(**ours | facts), send("send_2", **ours)) == "send_2"


@pytest.mark.parametrize(
    ("ours", "told"),
    [
        (None, ""),
        ("", None),
        (None, " \n"),
        ("Dear Ann,\n\nthanks!", "Dear Ann,\r\n\r\nthanks!"),
        ("Dear Ann,\r\nthanks!", "Dear Ann,\nthanks!\n"),
        ("a\rb", "a\nb"),
        (" Thanks! ", "Thanks!"),
    ],
)
def test_what_an_api_does_to_a_message_does_not_make_it_another(ours: str | None, told: str | None) -> None:
    assert found(replace(PLAIN, message=ours), send(message=told)) == "send_1"


@pytest.mark.parametrize("told", ["Dear  Ann", "Dear\nAnn", "dear Ann", "Dear Ann."])
def test_nothing_else_may_differ_in_a_message(told: str) -> None:
    assert found(replace(PLAIN, message="Dear Ann"), send(message=told)) == "?"


def test_an_empty_crm_id_or_type_is_none() -> None:
    assert found(PLAIN, send(crm_id="", crm_type=None)) == "send_1"
    assert found(replace(PLAIN, crm_id="", crm_type=""), send()) == "send_1"


def test_a_crm_type_that_is_not_told_is_a_doubt() -> None:
    assert found(LINKED, send(crm_id="003")) == "?send_1"
    assert found(PLAIN, send(crm_type="contact")) == "?"


def test_a_send_that_another_intent_owns_is_neither_claimed_nor_in_the_way() -> None:
    assert found(PLAIN, send(), owned=("send_1",)) == "?"
    assert found(MARKED, send(crm_id=MARK), owned=("send_1",)) == "?"
    assert found(PLAIN, send(), send("send_2"), owned=("send_1",)) == "send_2"


def test_of_two_that_may_both_be_ours_none_is_claimed() -> None:
    assert found(PLAIN, send(at=BEGUN + ms(900)), send("send_2")) == "?send_2,send_1"
    assert found(MARKED, send(crm_id=MARK), send("send_2", crm_id=MARK)) == "?send_1,send_2"


def test_the_order_of_the_pages_does_not_matter() -> None:
    sends = [send(f"send_{number}", BEGUN + ms(100 - number)) for number in range(3)]
    sends.append(send("send_3", None))
    answers = {found(PLAIN, *order) for order in permutations(sends)}
    assert answers == {"?send_2,send_1,send_0,send_3"}


def test_a_send_that_is_on_two_pages_is_one_send() -> None:
    early = send(updated_at="2026-05-02T15:30:01Z")
    late = send(updated_at="2026-05-02T15:31:00Z", status="cancelled")
    assert found(PLAIN, early, early) == "send_1"
    for pages in permutations((early, late)):
        assert match(PLAIN, pages, owned=(), rivals=()).candidates == (late,)
    for pages in permutations((send(), send(status="cancelled"))):
        assert found(PLAIN, *pages) == "?send_1"


# Time, without a mark. The order began at 15:30:00.4005.


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("15:29:30.398", "?"),
        ("15:29:30.400", "?send_1"),
        ("15:29:59.400", "?send_1"),  # a second earlier
        ("15:30:00.100", "?send_1"),  # 0.3 s earlier
        ("15:30:00.400", "?send_1"),  # the very same millisecond: before or after?
        ("15:30:00.401", "send_1"),
        ("15:30:30.400", "send_1"),
        ("15:30:31.400", "send_1"),
        ("15:30:31.401", "?send_1"),
        ("15:32:30.401", "?send_1"),
        ("15:32:30.402", "?"),
    ],
)
def test_only_what_was_made_while_the_order_lived_is_certain(told: str, expected: str) -> None:
    assert found(PLAIN, send(at=f"2026-05-02T{told}Z")) == expected


@pytest.mark.parametrize("fraction", ["", ".000"])
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("15:29:29", "?"),
        ("15:29:30", "?send_1"),
        ("15:29:59", "?send_1"),
        ("15:30:00", "?send_1"),  # the second in which the order began, and not only after it did
        ("15:30:01", "send_1"),
        ("15:30:31", "send_1"),
        ("15:30:32", "?send_1"),
        ("15:32:30", "?send_1"),
        ("15:32:31", "?"),
    ],
)
def test_a_time_in_whole_seconds_is_any_moment_that_is_told_so(
    told: str, expected: str, fraction: str
) -> None:
    assert found(PLAIN, send(at=f"2026-05-02T{told}{fraction}Z")) == expected


@pytest.mark.parametrize(
    ("begun", "expected"), [(0, "send_1"), (500_000, "send_1"), (500_001, "?send_1"), (999_999, "?send_1")]
)
def test_a_second_that_was_rounded_up_may_have_been_before_the_order(begun: int, expected: str) -> None:
    # Databases round: somebody else's order of 15:30:00.5 is told as 15:30:01.
    attempt = replace(PLAIN, begun_at=BEGUN.replace(microsecond=begun))
    assert found(attempt, send(at="2026-05-02T15:30:01Z")) == expected


def test_microseconds_are_taken_as_they_are() -> None:
    assert found(PLAIN, send(at="2026-05-02T15:30:00.400499Z")) == "?send_1"
    assert found(PLAIN, send(at="2026-05-02T15:30:00.400502Z")) == "send_1"


@pytest.mark.parametrize("at", [BEGUN - ms(300), ENDED + timedelta(minutes=1), None], ids=str)
def test_a_doubt_keeps_another_from_being_certain(at: datetime | None) -> None:
    assert found(PLAIN, send(), send("send_0", at)).startswith("?send_")
    assert len(match(PLAIN, [send(), send("send_0", at)], owned=(), rivals=()).candidates) == 2


@pytest.mark.parametrize("at", [None, "soon", ""])
def test_a_time_that_is_not_told_is_a_doubt(at: str | None) -> None:
    assert found(PLAIN, send(at=at)) == "?send_1"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_at_an_end_of_the_calendar_is_no_defect(at: str) -> None:
    assert found(PLAIN, send(at=at)) == "?"


# What is missing or over.


@pytest.mark.parametrize("attempt", [PLAIN, MARKED], ids=["plain", "marked"])
@pytest.mark.parametrize("name", ["recipient", "item"])
@pytest.mark.parametrize("ref", [None, {}, {"id": ""}, {"id": None}, "?"], ids=str)
def test_a_person_or_gift_that_is_not_told_is_a_doubt(attempt: Attempt, name: str, ref: object) -> None:
    facts: dict[str, Any] = {"crm_id": attempt.mark, name: ref}
    assert found(attempt, send(**facts)) == "?send_1"
    facts[{"recipient": "item", "item": "recipient"}[name]] = {"id": "another"}
    assert found(attempt, send(**facts)) == "?"


@pytest.mark.parametrize("attempt", [PLAIN, MARKED], ids=["plain", "marked"])
@pytest.mark.parametrize("status", ["failed", "cancelled", "canceled"])
def test_a_gift_that_is_not_coming_is_for_a_person_to_settle(attempt: Attempt, status: str) -> None:
    over = send(status=status, crm_id=attempt.mark)
    assert found(attempt, over) == "?send_1"
    # It may be ours, called back and ordered again by a colleague.
    assert found(attempt, over, send("send_2", crm_id=attempt.mark)) == "?send_1,send_2"


@pytest.mark.parametrize("status", ["pending", "processing", "shipped", "delivered", "scheduled", None])
def test_any_other_status_says_nothing_against_it(status: str | None) -> None:
    assert found(PLAIN, send(status=status)) == "send_1"


# Marks.


def test_a_mark_is_short_and_belongs_to_one_intent() -> None:
    assert re.fullmatch(r"gift-[0-9a-f]{12}", MARK)
    assert new_mark("int_1") == MARK != new_mark("int_2")


@pytest.mark.parametrize(
    "facts",
    [
        {"message": "Other words"},
        {"at": None},
        {"at": BEGUN - timedelta(hours=3)},
        {"crm_type": "lead"},
    ],
    ids=str,
)
def test_the_mark_decides_whatever_else_is_told(facts: dict[str, Any]) -> None:
    assert found(MARKED, send(crm_id=MARK, **facts)) == "send_1"


def test_the_mark_decides_among_look_alikes() -> None:
    others = [
        send(f"send_{number}", crm_id=crm) for number, crm in enumerate((None, "", "003", MARK.upper()))
    ]
    assert found(MARKED, *others, send("ours", crm_id=MARK)) == "ours"


def test_where_a_mark_was_sent_nothing_without_it_is_ours() -> None:
    assert found(MARKED, send()) == "?"
    assert found(MARKED, send(crm_id=new_mark("int_2"))) == "?"


@pytest.mark.parametrize("facts", [{"recipient": {"id": "rcp_2"}}, {"item": {"id": "itm_2"}}], ids=str)
def test_the_mark_on_another_gift_is_a_copy(facts: dict[str, Any]) -> None:
    assert found(MARKED, send(crm_id=MARK, **facts)) == "?"


def test_another_intents_mark_is_never_ours() -> None:
    assert found(PLAIN, send(crm_id=new_mark("int_2"))) == "?"
    assert found(LINKED, send(crm_id=new_mark("int_2"), crm_type="contact")) == "?"


# Rivals.

TWIN = replace(PLAIN, intent_id="int_2")


def later(attempt: Attempt, by: timedelta) -> Attempt:
    return replace(attempt, begun_at=attempt.begun_at + by, ended_by=attempt.ended_by + by)


@pytest.mark.parametrize(
    "rival",
    [
        pytest.param(TWIN, id="at the same time"),
        pytest.param(later(TWIN, timedelta(seconds=-20)), id="still alive"),
        pytest.param(later(TWIN, timedelta(seconds=-120)), id="may be late"),
        pytest.param(later(TWIN, timedelta(seconds=20)), id="if its clock is behind"),
    ],
)
def test_what_may_be_another_intents_too_is_not_claimed(rival: Attempt) -> None:
    assert found(PLAIN, send(), rivals=(rival,)) == "?send_1"


@pytest.mark.parametrize(
    "rival",
    [
        pytest.param(PLAIN, id="itself"),
        pytest.param(later(TWIN, timedelta(hours=1)), id="another time"),
        pytest.param(replace(TWIN, message="Other words"), id="other words"),
        pytest.param(replace(TWIN, recipient_id="rcp_2"), id="another person"),
        pytest.param(replace(TWIN, mark=new_mark("int_2")), id="a mark"),
    ],
)
def test_what_cannot_be_another_intents_is_claimed(rival: Attempt) -> None:
    assert found(PLAIN, send(), rivals=(rival,)) == "send_1"


def test_a_rival_does_not_compete_for_a_marked_send() -> None:
    rivals = (TWIN, replace(TWIN, mark=new_mark("int_2")))
    assert found(MARKED, send(crm_id=MARK), rivals=rivals) == "send_1"


def test_a_rival_that_was_given_our_mark_as_its_crm_id_competes() -> None:
    rival = replace(TWIN, crm_id=MARK)
    assert found(MARKED, send(crm_id=MARK), rivals=(rival,)) == "?send_1"
    assert found(rival, send(crm_id=MARK), rivals=(MARKED,)) == "?send_1"


# Which days to read.


@pytest.mark.parametrize(
    ("begun", "days"),
    [
        ("2026-05-02T15:30:00", (date(2026, 5, 1), date(2026, 5, 3))),
        ("2026-05-02T00:00:10", (date(2026, 4, 30), date(2026, 5, 3))),
        ("2026-05-02T23:58:00", (date(2026, 5, 1), date(2026, 5, 4))),
        ("2026-03-01T00:00:00", (date(2026, 2, 27), date(2026, 3, 2))),
    ],
)
def test_the_days_to_read_reach_a_day_further_than_the_send_can_be(
    begun: str, days: tuple[date, date]
) -> None:
    at = datetime.fromisoformat(begun).replace(tzinfo=UTC)
    assert days_to_read(replace(PLAIN, begun_at=at, ended_by=at + timedelta(seconds=30))) == days
