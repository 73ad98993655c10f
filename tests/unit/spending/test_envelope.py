from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from sendoso_mcp.spending.envelope import Envelope

FACTS = {
    "name": "Leads",
    "sends": 20,
    "items": ("itm_1",),
    "emails": ("Ann+1@Acme.test",),
    "domains": ("*.acme.test",),
    "until": datetime(2026, 12, 5, tzinfo=UTC),
    "opened_at": datetime(2026, 11, 25, tzinfo=UTC),
    "opened_by": "Ann's boss",
}


@pytest.mark.parametrize("each", ["50", "49.90", "0.01", "999999999.99"])
def test_an_envelope_that_is_read_back_is_the_same_one(each: str) -> None:
    envelope = Envelope.model_validate(FACTS | {"each": Decimal(each)})
    again = Envelope.model_validate_json(envelope.document)
    assert (again, again.id) == (envelope, envelope.id)


@pytest.mark.parametrize("each", ["0", "-1", "0.001", "1000000000", "NaN", "Infinity"])
def test_an_envelope_is_for_an_amount_in_whole_cents(each: str) -> None:
    with pytest.raises(ValidationError):
        Envelope.model_validate(FACTS | {"each": Decimal(each)})
