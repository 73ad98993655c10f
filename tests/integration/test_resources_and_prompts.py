"""Resources and prompts through a real client."""

from __future__ import annotations

import base64
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from mcp import MCPError
from mcp_types import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
)
from support import EGIFT, ERAS, SARAH, Chat, chat, quick_policy

from sendoso_mcp import __version__
from sendoso_mcp.sandbox import Fault, create_sandbox
from sendoso_mcp.server.services import SANDBOX_NOTE

pytestmark = pytest.mark.anyio
DEFAULTS = quick_policy()


async def read(connected: Chat, uri: str) -> Any:
    (content,) = (await connected.client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    return json.loads(content.text)


@ERAS
async def test_every_resource_reads(mode: str) -> None:
    async with chat(create_sandbox(), mode=mode) as connected:
        listed = [str(resource.uri) for resource in (await connected.client.list_resources()).resources]
        templates = [
            template.uri_template
            for template in (await connected.client.list_resource_templates()).resource_templates
        ]
        send = (await connected.call("list_sends", limit=1))["sends"][0]
        budget = await read(connected, "sendoso://budget")
        policy = await read(connected, "sendoso://policy")
        gift = await read(connected, "sendoso://inventory/item_coffeehouse_egift_card_25")
        person = await read(connected, f"sendoso://recipients/{SARAH}")
        sent = await read(connected, f"sendoso://sends/{send['id']}")
    assert listed == ["sendoso://budget", "sendoso://policy"]
    assert templates == [
        "sendoso://inventory/{item_id}",
        "sendoso://recipients/{recipient_id}",
        "sendoso://sends/{send_id}",
    ]
    assert policy["version"] == DEFAULTS.version
    assert policy["rules"]["limits"]["per_send"] == 150.0
    assert policy["now"] == budget["policy"]["limits"]
    limits = {limit.pop("name"): limit for limit in policy["now"]}
    assert limits["per_day"] == {"limit": 1000.0, "used": 0.0, "left": 1000.0}
    assert limits["sends_per_hour"] == {"limit": 30.0, "used": 0.0, "left": 30.0}
    assert limits["team_budget"]["left"] == budget["remaining"]
    assert gift["price"] == 25.0
    assert person["name"] == "Sarah Johnson"
    assert sent["status"] == send["status"]
    assert {entry["sandbox"] for entry in (budget, policy, gift, person, sent)} == {SANDBOX_NOTE}


@ERAS
@pytest.mark.parametrize(
    "uri",
    [
        "sendoso://sends/send_nothing",
        "sendoso://recipients/rcpt_nobody",
        "sendoso://inventory/item_nothing",
        "sendoso://sends/..%2Fteams%2Fbudget",
        "sendoso://nothing",
    ],
)
async def test_what_is_not_there_is_not_found(mode: str, uri: str) -> None:
    async with chat(create_sandbox(), mode=mode) as connected:
        with pytest.raises(MCPError) as caught:
            await connected.client.read_resource(uri)
        assert caught.value.error.code == INVALID_PARAMS
        assert await read(connected, "sendoso://budget")


async def test_trouble_at_sendoso_is_told_in_our_words() -> None:
    sandbox = create_sandbox()
    sandbox.faults.append(Fault("GET", "/teams/budget", status=500))
    async with chat(sandbox) as connected:
        with pytest.raises(MCPError, match="problem of its own"):
            await connected.client.read_resource("sendoso://budget")


async def test_the_policy_names_domains_and_nobody_who_wants_no_gift() -> None:
    lists = {
        "do_not_gift": ["ann@customer.example", "bob@other.example"],
        "deny_domains": ["rival.example"],
        "allow_domains": ["*.example"],
    }
    async with chat(create_sandbox(), policy=quick_policy(recipients=lists)) as connected:
        recipients = (await read(connected, "sendoso://policy"))["rules"]["recipients"]
    assert recipients["do_not_gift"] == 2
    assert (recipients["deny_domains"], recipients["allow_domains"]) == (["rival.example"], ["*.example"])


@ERAS
async def test_prompts_take_their_arguments(mode: str) -> None:
    async with chat(create_sandbox(), mode=mode) as connected:
        prompts = (await connected.client.list_prompts()).prompts
        assert [prompt.name for prompt in prompts] == [
            "draft_gift",
            "plan_campaign",
            "reengage_prospect",
            "review_spending",
            "thank_customer",
        ]
        for prompt in prompts:
            assert prompt.title
            assert prompt.description
            required = {arg.name: f"<{arg.name}>" for arg in prompt.arguments or [] if arg.required}
            (message,) = (await connected.client.get_prompt(prompt.name, required)).messages
            assert isinstance(message.content, TextContent)
            assert all(value in message.content.text for value in required.values())
            assert "{{" not in message.content.text


@ERAS
@pytest.mark.parametrize(("name", "word"), [("draft_gift", "recipient"), ("nothing", "nothing")])
async def test_a_prompt_that_cannot_be_rendered_says_why(mode: str, name: str, word: str) -> None:
    async with chat(create_sandbox(), mode=mode) as connected:
        with pytest.raises(MCPError, match=word) as caught:
            await connected.client.get_prompt(name, {})
        assert caught.value.error.code == INVALID_PARAMS


async def test_what_a_prompt_needs_is_named_in_order_and_not_as_python() -> None:
    async with chat(create_sandbox()) as connected:
        with pytest.raises(MCPError) as caught:
            await connected.client.get_prompt("plan_campaign", {})
        prompts = (await connected.client.list_prompts()).prompts
    (prompt,) = (prompt for prompt in prompts if prompt.name == "plan_campaign")
    required = [each.name for each in prompt.arguments or [] if each.required]
    assert len(required) > 1
    assert caught.value.error.message == f"The prompt plan_campaign needs: {', '.join(required)}."


RECIPIENT = PromptReference(type="ref/prompt", name="draft_gift")
GIFT = ResourceTemplateReference(type="ref/resource", uri="sendoso://inventory/{item_id}")
PERSON = ResourceTemplateReference(type="ref/resource", uri="sendoso://recipients/{recipient_id}")


@ERAS
@pytest.mark.parametrize(
    ("ref", "name", "typed", "expected"),
    [
        (RECIPIENT, "recipient", "sarah j", "Sarah Johnson"),
        (PERSON, "recipient_id", "sarah j", SARAH),
        (GIFT, "item_id", "coffeehouse_egift", EGIFT),
    ],
)
async def test_arguments_are_completed(mode: str, ref: Any, name: str, typed: str, expected: str) -> None:
    async with chat(create_sandbox(), mode=mode) as connected:
        found = await connected.client.complete(ref, {"name": name, "value": typed})
    assert expected in found.completion.values
    assert len(found.completion.values) <= 20


@pytest.mark.parametrize(("name", "typed"), [("recipient", ""), ("recipient", "zz"), ("occasion", "birth")])
async def test_nothing_to_go_by_completes_to_nothing(name: str, typed: str) -> None:
    async with chat(create_sandbox()) as connected:
        found = await connected.client.complete(RECIPIENT, {"name": name, "value": typed})
    assert found.completion.values == []


async def test_a_completion_does_not_fail_with_sendoso() -> None:
    sandbox = create_sandbox()
    sandbox.faults.append(Fault("GET", "/recipients", status=500))
    async with chat(sandbox) as connected:
        found = await connected.client.complete(RECIPIENT, {"name": "recipient", "value": "sarah"})
    assert found.completion.values == []


async def test_what_stays_the_same_may_be_kept_and_what_moves_may_not() -> None:
    async with chat(create_sandbox()) as connected:
        client = connected.client
        lists: list[Any] = [
            await client.list_tools(),
            await client.list_prompts(),
            await client.list_resources(),
            await client.list_resource_templates(),
        ]
        moving = await client.read_resource("sendoso://budget")
    assert {(found.ttl_ms, found.cache_scope) for found in lists} == {(3_600_000, "public")}
    assert (moving.ttl_ms, moving.cache_scope) == (0, "private")


@ERAS
async def test_the_server_declares_what_it_does_and_no_more(mode: str) -> None:
    async with chat(create_sandbox(), mode=mode) as connected:
        declared = connected.client.server_capabilities.model_dump(exclude_none=True, exclude_defaults=True)
        # Nothing that it offers ever changes, so it has nothing to tell of and nobody can wait for it.
        changing = {"list_changed": False}
        assert declared == {
            "completions": {},
            "logging": {},
            "prompts": changing,
            "resources": changing | {"subscribe": False},
            "tools": changing,
        }


async def test_nobody_can_wait_for_changes_that_never_come() -> None:
    async with chat(create_sandbox()) as connected:
        with pytest.raises(MCPError) as caught:
            async with connected.client.listen(tools_list_changed=True):
                pass
    assert caught.value.error.code == METHOD_NOT_FOUND


@ERAS
async def test_the_server_says_who_it_is(mode: str) -> None:
    async with chat(create_sandbox(), mode=mode) as connected:
        info = connected.client.server_info
    assert info is not None
    assert (info.name, info.version) == ("sendoso", __version__)
    assert info.website_url == "https://developer.sendoso.com/"
    assert info.icons is not None
    (icon,) = info.icons
    kind, drawn = icon.src.split(",")
    assert kind == f"data:{icon.mime_type};base64"
    picture = ElementTree.fromstring(base64.b64decode(drawn))  # noqa: S314 - it is our own
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert {path.tag for path in picture} == {"{http://www.w3.org/2000/svg}path"}
