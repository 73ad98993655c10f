"""What a client that sent a progress token hears while its call waits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp_types import (
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
    ReadResourceRequest,
    ReadResourceRequestParams,
    ReadResourceResult,
)
from support import EGIFT, ERAS, Person, chat, order, quick_policy, text_of

from sendoso_mcp.sandbox import Sandbox, create_sandbox
from sendoso_mcp.server.progress import Progress

pytestmark = pytest.mark.anyio


class Watcher:
    """Hears how far a call is, and lets all pages but the first through once it heard of that one."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = sandbox.app
        self.sandbox = replace(sandbox, app=self._app)
        self.reports: list[tuple[float, float | None, str | None]] = []
        self._heard = anyio.Event()

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/inventory" and b"page=1&" not in scope["query_string"]:
            with anyio.fail_after(5):
                await self._heard.wait()
        await self._inner(scope, receive, send)

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.reports.append((progress, total, message))
        if progress > 0:
            self._heard.set()

    def check(self, total: int) -> None:
        """The reports are of the catalogue, and grow as the protocol wants."""
        done = [progress for progress, _, _ in self.reports]
        assert done[:2] == [0, 100]
        assert done == sorted(set(done))
        assert done[-1] <= total
        assert self.reports[0][1:] == (None, "Reading the catalogue: 0 gifts.")
        assert self.reports[1][1:] == (total, f"Reading the catalogue: 100 of {total:,} gifts.")


@ERAS
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search_inventory", {"query": "coffee"}),
        # A gift that was never seen is looked for on all pages.
        ("preview_send", order()),
        ("create_send", order(item_id="item_nobody_has")),
    ],
)
async def test_while_the_catalogue_is_read_a_client_hears_how_far(
    mode: str, tool: str, arguments: dict[str, Any]
) -> None:
    watcher = Watcher(create_sandbox(items=450))
    assert EGIFT not in {gift.id for gift in watcher.sandbox.world.gifts()[:100]}
    async with chat(watcher.sandbox, mode=mode, person=Person()) as connected:
        result = await connected.client.call_tool(tool, arguments, progress_callback=watcher)
        await anyio.wait_all_tasks_blocked()
    assert result.is_error == ("item_nobody_has" in arguments.values()), text_of(result)
    watcher.check(450)


@ERAS
async def test_so_does_one_that_reads_a_resource(mode: str) -> None:
    watcher = Watcher(create_sandbox(items=450))
    request = ReadResourceRequest(params=ReadResourceRequestParams(uri="sendoso://inventory/item_nobody_has"))
    async with chat(watcher.sandbox, mode=mode) as connected:
        with pytest.raises(MCPError, match="no gift item_nobody_has"):
            await connected.client.session.send_request(
                request, ReadResourceResult, progress_callback=watcher
            )
        await anyio.wait_all_tasks_blocked()
    watcher.check(450)


async def test_whatever_a_call_waits_for_in_turn_its_progress_grows() -> None:
    reports: list[tuple[float, float | None]] = []

    async def report(progress: float, total: float | None, text: str | None) -> None:
        reports.append((progress, total))

    progress = Progress(report)
    for stage, done, total in [
        ("a", 0, None),
        ("a", 0, 200),
        ("a", 100, 200),
        ("a", 100, 200),
        ("a", 90, 200),
        ("b", 0, 50),
        ("b", 20, 50),
        ("c", 7, 5),
    ]:
        await progress(stage, done, total, "")
    assert reports == [(0, None), (100, 200), (120, 150), (127, 127)]


async def test_a_page_that_is_waited_for_counts_on_from_the_catalogue() -> None:
    watcher = Watcher(create_sandbox(items=450))
    pages: list[str] = []

    async def open_page(_: object, params: ElicitRequestParams) -> ElicitResult:
        assert isinstance(params, ElicitRequestURLParams)
        pages.append(params.elicitation_id or "")
        return ElicitResult(action="accept")

    async def page() -> str:
        return "http://127.0.0.1:9/approvals"

    policy = quick_policy(approval={"outside_chat_above": 0})
    async with chat(watcher.sandbox, mode="legacy", person=open_page, policy=policy, page=page) as connected:
        assert connected.services is not None
        desk = connected.services.outside.desk

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            await watcher(progress, total, message)
            if message == "Waiting for a person at the approval page.":
                question = await desk.question(pages[0])
                assert question is not None
                await desk.reject(pages[0], seal=question.seal, approver="a person")

        result = await connected.client.call_tool("create_send", order(), progress_callback=hear)
        assert result.structured_content is not None
    assert result.structured_content["outcome"] == "declined"
    done = [progress for progress, _, _ in watcher.reports]
    assert done == sorted(set(done))
    last, total, message = watcher.reports[-1]
    assert message == "Waiting for a person at the approval page."
    assert total == pytest.approx(last + 50, abs=1)
    assert last >= 100
