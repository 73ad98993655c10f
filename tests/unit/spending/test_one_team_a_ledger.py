"""A ledger is for one team: another one, with a key of its own at the same host, is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ledger_kit import ask, confirm, dispatch, order, rows, settle, transaction, unavailable, wish, yes
from spending_kit import REQUEST, item, policy, quote

from sendoso_mcp.errors import SettingsError
from sendoso_mcp.models import TeamBudget
from sendoso_mcp.spending.ledger import Ledger, State, Wish
from sendoso_mcp.spending.quote import SendRequest


def of_team(team: str | None, name: str | None = None) -> Wish:
    """A wish of a team's."""
    gift = item(id=f"itm_{team}")
    request = SendRequest(REQUEST.recipient_id, gift.id)
    left = TeamBudget(remaining=Decimal(100), team_id=team, team_name=name)
    return wish(quote(gift=gift, request=request, left=left))


def test_another_team_is_neither_judged_nor_asked_nor_served(ledger: Ledger) -> None:
    other = of_team("t_2", "Marketing")
    open_question = ask(ledger, other)  # nothing was ordered yet
    confirm(ledger, order(ledger, of_team("t_1", "Sales\u202e\n")))
    told = r'of the team "Sales".*"Marketing".*SENDOSO_LEDGER_URL'
    before = rows(ledger, "SELECT count(*) FROM audit")
    for refused in (
        lambda: ledger.judge(other),
        lambda: ledger.consider(other),
        lambda: ledger.reserve(other, dispatch(), question=open_question.id, approval=yes(open_question)),
    ):
        with pytest.raises(SettingsError, match=told):
            refused()
    assert rows(ledger, "SELECT count(*) FROM audit") == before
    assert rows(ledger, "SELECT count(*) FROM attempts") == [(1,)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("t_1", "Sales"), ("t_1", "Field sales")),
        (("t_1", "Sales"), (None, "Marketing")),
        ((None, "Sales"), ("t_2", "Marketing")),
    ],
    ids=["renamed", "Sendoso gives no id", "an old order without an id"],
)
def test_only_ids_are_compared(
    ledger: Ledger, first: tuple[str | None, str], second: tuple[str | None, str]
) -> None:
    confirm(ledger, order(ledger, of_team(*first)))
    confirm(ledger, order(ledger, of_team(*second)))


def test_what_was_refused_makes_a_ledger_nobodys(ledger: Ledger) -> None:
    """A first try with the key of the wrong team does not lock the right one out."""
    settle(ledger, order(ledger, of_team("t_wrong")), State.REJECTED)
    confirm(ledger, order(ledger, of_team("t_1")))
    with pytest.raises(SettingsError):
        ledger.judge(of_team("t_wrong"))


def test_a_first_order_that_cannot_be_read_is_told_in_a_sentence(ledger: Ledger) -> None:
    confirm(ledger, order(ledger, of_team("t_1")))
    with transaction(ledger) as session:
        session.execute("UPDATE intents SET quote = '[7]'")
    other = wish(of_team("t_2").quote, policy=policy())
    assert "cannot be read" in unavailable(lambda: ledger.judge(other))
