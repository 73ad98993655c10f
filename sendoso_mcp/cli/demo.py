"""A scripted assistant does the whole job: a real client, a real server process, the embedded sandbox."""

from __future__ import annotations

import io
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, Any, cast

import anyio
import anyio.from_thread
from anyio.lowlevel import current_token
from mcp import Client, MCPError, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.client.stdio import stdio_client
from mcp_types import (
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    Implementation,
    TextContent,
)
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sendoso_mcp import __version__
from sendoso_mcp.errors import one_error

_WISH = "Sarah Johnson was promoted. Congratulate her with something for a coffee lover, under 40 USD."
_MESSAGE = "Congratulations on your promotion, Sarah! Here's to many good mornings in the new role."
_REPEAT_KEY = "sarah-johnson-promotion"


class DemoFailed(Exception):
    """A step did not give what the story needs."""


def demo() -> int:
    """Plays the story and returns the exit status: 0, or 1 if a step failed or nobody reads the output."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names have letters that not every console can show; none of them is worth stopping for.
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        try:
            with one_error():
                anyio.run(_Story(console).play, log)
        except SystemExit:  # how rich says that the output's reader is gone
            return 1
        except (DemoFailed, MCPError, OSError) as error:
            log.seek(0)
            console.print(f"\nThe demo stopped: {error}", style="bold red", markup=False)
            console.print(f"What the server logged:\n{log.read()[-4000:]}", markup=False)
            return 1
    return 0


class _Story:
    """The assistant, and the screen it is watched on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._interactive = console.is_terminal and sys.stdin.isatty()
        self._steps = 0
        self._waited = 0.0
        self._client: Client

    async def play(self, log: IO[str]) -> None:
        """Starts the server, connects, and does the whole job.

        Raises:
            DemoFailed: a step did not give what the story needs.
        """
        started = time.perf_counter()
        self._console.print(
            Panel(f"[b]A person asks:[/b] {_WISH}", title="sendoso-mcp demo", box=box.ROUNDED)
        )
        # The client passes on almost nothing of the environment, so a key that is set is not used here.
        # -P: whatever lies in the current directory is not ours.
        server = StdioServerParameters(command=sys.executable, args=["-P", "-m", "sendoso_mcp"])
        async with Client(
            stdio_client(server, errlog=cast(Any, log)),
            elicitation_callback=self._confirm,
            client_info=Implementation(name="sendoso-mcp-demo", version=__version__),
        ) as client:
            self._client = client
            tools = (await client.list_tools()).tools
            seconds = time.perf_counter() - started
            self._say(
                f"A server process on stdio with {len(tools)} tools, ready after {seconds:.1f} s. "
                "It has no API key, so it uses the embedded sandbox: nothing is really sent."
            )
            gift = await self._find_gift()
            person = await self._find_person()
            await self._preview(person, gift)
            send_id = await self._send(person, gift)
            await self._track(send_id)
            if send_id:
                await self._cancel(send_id)
            await self._budget()
            await self._report()
        seconds = time.perf_counter() - started - self._waited
        self._console.print(
            f"\n[b green]Done:[/] {self._steps} tool calls in {seconds:.1f} s. Nothing was really sent."
        )
        self._console.print("Next: put it into your chat client; the README has the block to paste.")

    async def _find_gift(self) -> dict[str, Any]:
        found = await self._call(
            "Find a gift", "search_inventory", query="coffee lover", max_price=40, limit=5
        )
        rows = [(g["name"], g["type"], _usd(g["price"]), str(g.get("days", "email"))) for g in found["gifts"]]
        self._table(("Gift", "Type", "Price", "Days"), rows)
        shipped = [gift for gift in found["gifts"] if "days" in gift]
        return _need((shipped or found["gifts"])[:1], "no gift was found")

    async def _find_person(self) -> dict[str, Any]:
        found = await self._call("Find the person", "search_recipients", query="Sarah Johnson")
        rows = [(p["name"], p.get("title", ""), p.get("company", ""), p["email"]) for p in found["people"]]
        self._table(("Name", "Title", "Company", "Email"), rows)
        return _need(found["people"][:1], "Sarah was not found")

    async def _preview(self, person: dict[str, Any], gift: dict[str, Any]) -> None:
        seen = await self._call(
            "Preview", "preview_send", recipient_id=person["id"], item_id=gift["id"], message=_MESSAGE
        )
        rows = [
            ("Gift", seen["gift"]),
            ("For", f"{seen['to']}, {seen.get('company', '')}"),
            ("Price", f"{_usd(seen['price'])} plus shipping and fees"),
            ("Verdict", f"{seen['verdict']}: {' '.join(reason['text'] for reason in seen['reasons'])}"),
            ("Budget", f"{_usd(seen['budget_left'])} left, {_usd(seen['budget_after'])} afterwards"),
        ]
        self._table(("", ""), rows)

    async def _send(self, person: dict[str, Any], gift: dict[str, Any]) -> str | None:
        order = {
            "recipient_id": person["id"],
            "item_id": gift["id"],
            "message": _MESSAGE,
            "idempotency_key": _REPEAT_KEY,
        }
        done = await self._call("Send: the server asks the person, not the model", "create_send", **order)
        if done["outcome"] != "sent":
            self._say(f"Outcome: {done['outcome']}. {done['reasons'][0]['text']}")
            return None
        self._say(f"Outcome: sent, as {done['send_id']}, for {_usd(done['cost'])} with shipping and fees.")
        again = await self._call("A hurried model calls again with the same key", "create_send", **order)
        if again.get("send_id") != done["send_id"]:
            raise DemoFailed("a repeated call did not give the first send")
        self._say("The same send, no second question, no second gift.")
        return str(done["send_id"])

    async def _track(self, send_id: str | None) -> None:
        if send_id:
            sent = await self._call("Track it", "get_send", send_id=send_id)
            self._say(f"{sent['gift']} for {sent['to']}: {sent['status']}.")
        listed = await self._call("What went out before", "list_sends", limit=5)
        rows = [(s["created"], s["to"], s["gift"], s["status"], _usd(s["cost"])) for s in listed["sends"]]
        self._table(("Created", "To", "Gift", "Status", "Cost"), rows)

    async def _cancel(self, send_id: str) -> None:
        done = await self._call("Change of mind: cancel it", "cancel_send", send_id=send_id)
        self._say(f"Outcome: {done['outcome']}, {_usd(done['refund'])} back in the budget.")

    async def _budget(self) -> None:
        budget = await self._call("The budget", "get_budget")
        period = f"{budget['period_start']} to {budget['period_end']}"
        amounts = (_usd(budget[name]) for name in ("total", "spent", "remaining"))
        self._say(f"{budget['team']}, {period}")
        self._table(("Total", "Spent", "Left"), [tuple(amounts)])

    async def _report(self) -> None:
        today = datetime.now(UTC).date()
        start = today.replace(year=today.year - 1, day=1)
        report = await self._call(
            "The last year by month",
            "sends_report",
            start_date=start.isoformat(),
            end_date=today.isoformat(),
            group_by="month",
        )
        rows = [
            (line["group"], str(line["sends"]), str(line["delivered"]), _usd(line["spend"]))
            for line in report["lines"]
        ]
        rows.append(("total", str(report["sends"]), str(report["delivered"]), _usd(report["total_spend"])))
        self._table(("Month", "Sends", "Delivered", "Spend"), rows)

    async def _call(self, step: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """Calls a tool and shows the call.

        Raises:
            DemoFailed: the tool answered with an error.
        """
        shown = ", ".join(f"{name}={_short(value)}" for name, value in arguments.items())
        self._steps += 1
        self._console.print(f"\n[b]{self._steps}. {step}[/b]")
        self._console.print(Text.assemble((tool, "cyan"), (f"({shown})", "dim")))
        result = await self._client.call_tool(tool, arguments)
        if result.is_error or not isinstance(result.structured_content, dict):
            text = next((part.text for part in result.content if isinstance(part, TextContent)), "no text")
            raise DemoFailed(f"{tool}: {text}")
        return result.structured_content

    async def _confirm(
        self,
        context: ClientRequestContext,  # noqa: ARG002 - the SDK passes it by name
        params: ElicitRequestParams,
    ) -> ElicitResult | ErrorData:
        """Shows the question as a chat client would, and brings back the person's decision."""
        if not isinstance(params, ElicitRequestFormParams):
            return ElicitResult(action="decline")
        options: list[str] = params.requested_schema["properties"]["decision"]["enum"]
        refuse, accept = options[0], options[-1]
        self._console.print(
            Panel(Text(params.message), title="The person sees", box=box.HEAVY, style="yellow")
        )
        if self._interactive:
            asked = time.perf_counter()
            answer = await _typed(f"{accept}? [y/N] ")
            self._waited += time.perf_counter() - asked
            decision = accept if answer.strip().lower() in ("y", "yes") else refuse
        else:
            # An answer that comes sooner than a person can read does not count (policy's read_seconds).
            await anyio.sleep(_READS)
            decision = accept
            self._say(f'There is no terminal to ask at, so the demo answers "{accept}" for the person.')
        return ElicitResult(action="accept", content={"decision": decision})

    def _say(self, text: str) -> None:
        self._console.print(Text(text))

    def _table(self, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
        table = Table(box=box.SIMPLE_HEAD, show_header=any(heads), pad_edge=False)
        for head in heads:
            table.add_column(head, justify="right" if head in _NUMBERS else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._console.print(table)


_READS = 1.2
_NUMBERS = frozenset({"Price", "Days", "Cost", "Total", "Spent", "Left", "Sends", "Delivered", "Spend"})


async def _typed(question: str) -> str:
    """What a person types; nothing if they end the input. Ctrl-C leaves the question at once."""
    answered, lines, token = anyio.Event(), [""], current_token()

    def ask() -> None:
        with suppress(EOFError):
            lines.append(input(question))
        with suppress(anyio.RunFinishedError):
            anyio.from_thread.run_sync(answered.set, token=token)

    # Not a worker thread of anyio's: the program would wait for it on its way out.
    threading.Thread(target=ask, daemon=True).start()
    await answered.wait()
    return lines[-1]


def _usd(amount: float) -> str:
    return f"{amount:,.2f} USD"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f'{text[:36]}..."'


def _need(found: list[dict[str, Any]], otherwise: str) -> dict[str, Any]:
    if not found:
        raise DemoFailed(otherwise)
    return found[0]
