"""What a client is told of the catalogue while its call is under way."""

from __future__ import annotations

import anyio.lowlevel
import pytest
from catalog_kit import Clock, Make, Shelf, gifts, settled

from sendoso_mcp.calls import heard_by
from sendoso_mcp.catalog import Filters
from sendoso_mcp.catalog.catalog import MAX_AGE
from sendoso_mcp.errors import BadArgument, RateLimited

pytestmark = pytest.mark.anyio


async def test_a_client_is_told_why_it_waits_and_how_old_its_answer_is(catalog_of: Make) -> None:
    told: list[tuple[str, str]] = []
    shelf, clock = Shelf(gifts(120)), Clock()
    refusals = [RateLimited(7)]

    async def refuse_once(page: int) -> None:
        if page == 2 and refusals:
            raise refusals.pop()

    shelf.while_reading = refuse_once
    catalog = catalog_of(shelf, clock, pause=lambda seconds: anyio.lowlevel.checkpoint())
    with heard_by(lambda weight, text: told.append((weight, text))):
        await catalog.search("", Filters(), limit=1)
        assert told == [
            ("info", "The catalogue is being read, and the search waits a while for it."),
            ("warning", "Sendoso limits how often it is asked; reading goes on in 7 s."),
        ]
        del told[:]
        await catalog.search("", Filters(), limit=1)
        assert told == []
        for seconds, age in ((MAX_AGE, "5 minutes ago"), (7_200, "2 hours ago")):
            clock.time += seconds
            await catalog.search("", Filters(), limit=1)
            ((weight, text),) = told
            assert weight == "info"
            assert text == f"Answered with the gifts as Sendoso had them {age}; they are being read again."
            await settled(catalog)
            del told[:]
        with pytest.raises(BadArgument):
            await catalog.find("itm_none")
        assert [weight for weight, _ in told] == ["info"]
        assert told[0][1].endswith("all pages are looked through.")
