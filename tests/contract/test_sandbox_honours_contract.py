"""Fuzzes the sandbox with requests that fit the contract, and with requests that do not.

Ids in the document are narrowed to some that exist, since made-up ones would only ever find a 404.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from sendoso_mcp.models import SHIPPED_TYPES, SendStatus
from sendoso_mcp.sandbox import ManualClock, Sandbox, create_sandbox

# The dates of these can be well formed and still be refused: in the past, or the wrong way round.
DATED = {"createSend", "listSends", "getSendsReport"}


def fresh_sandbox() -> Sandbox:
    return create_sandbox(clock=ManualClock(datetime(2026, 5, 2, 15, 30, tzinfo=UTC)))


def document_with_ids_that_exist() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Path(__file__).parent / "openapi.json").read_text("utf-8"))
    world = fresh_sandbox().world
    people = [person.id for person in world.people() if person.can_get_parcels][:3]
    digital = [gift.id for gift in world.gifts() if gift.available and gift.type not in SHIPPED_TYPES][:3]
    one_of_each = {where.status: send.id for send, where in world.sends()}
    assert {SendStatus.PENDING, SendStatus.SHIPPED, SendStatus.DELIVERED} <= set(one_of_each)

    order = document["components"]["schemas"]["SendCreate"]["properties"]
    order["recipient_id"]["enum"] = people
    order["item_id"]["enum"] = digital
    for operation in document["paths"]["/sends/{send_id}"].values():
        operation["parameters"][0]["schema"]["enum"] = list(one_of_each.values())
    document["paths"]["/recipients/{recipient_id}"]["get"]["parameters"][0]["schema"]["enum"] = people
    return document


schema = schemathesis.openapi.from_dict(
    document_with_ids_that_exist(),
    config=SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "generation": {
                "deterministic": True,
                "database": "none",
                "max-examples": 15,
                # Keys are test_api_key_is_needed_for_every_operation's; a generated one would be accepted.
                "with-security-parameters": False,
            },
            # What one operation answers must not steer another one's requests: workers share out operations.
            "phases": {
                "coverage": {"extra-data-sources": {"responses": False}},
                "fuzzing": {
                    "extra-data-sources": {"responses": False},
                    "error-feedback": {"enabled": False},
                },
            },
        }
    ),
)


@schema.parametrize()
def test_every_operation_answers_as_the_contract_says(case: schemathesis.Case[Any]) -> None:
    excluded = [ignored_auth]
    if case.operation.definition.raw["operationId"] in DATED:
        excluded.append(positive_data_acceptance)
    case.call_and_validate(app=fresh_sandbox().app, headers={"X-Api-Key": "a-key"}, excluded_checks=excluded)
