"""The way to a person outside the chat: where their answer is given, and how long a question was in sight."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import anyio

from sendoso_mcp.spending.approvals import Approvals
from sendoso_mcp.spending.pin import hash_pin

SANDBOX_PIN = "271828"
"""A rehearsal needs no secret; what it approves is never sent."""


async def no_page() -> str | None:
    """Where no approval page is served."""
    return None


@dataclass(frozen=True, slots=True)
class Way:
    """Where one question is answered: the address of its page, if there is one, and what to tell a person."""

    url: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Outside:
    """What this server offers a person outside the chat.

    Attributes:
        desk: where questions wait.
        page: gives the address of the approval page, which may be started for it.
        command: whether `sendoso-mcp approvals`, in another process, can see the ledger.
        rehearsal: whether nothing is really sent: then the page's PIN is no secret.
    """

    desk: Approvals
    page: Callable[[], Awaitable[str | None]] = no_page
    command: bool = False
    rehearsal: bool = False

    def with_page(self, page: Callable[[], Awaitable[str | None]]) -> Outside:
        """The same with an approval page."""
        return replace(self, page=page)

    async def way(self, question_id: str) -> Way:
        """How a person answers one question."""
        address = await self.page()
        url = f"{address}/{question_id}" if address else None
        ways = []
        if url:
            ways.append(f"open {url}")
        if self.command:
            ways.append(f"run `sendoso-mcp approvals approve {question_id}` in a terminal")
        if not ways:
            return Way(None, "This server offers them no way to do so: it has no approval page.")
        pin = ""
        if self.rehearsal:
            await self.desk.have_pin(lambda: hash_pin(SANDBOX_PIN))
            pin = f" The PIN of this rehearsal is {SANDBOX_PIN}."
        return Way(url, f"To approve or refuse, they {' or '.join(ways)}.{pin}")


def seconds_read(put_at: float | None, answered: float | None) -> float:
    """For how long a question can have been in sight when its answer came.

    Args:
        put_at: when the question that was answered was put, by anyio's clock. None: another server did it, or
            this one before a restart, and it was in sight for no time that is known.
        answered: when the call with the answer came: what was looked up since then does not count, however
            slow Sendoso is. None: now.
    """
    if put_at is None:
        return 0.0
    return max(0.0, (anyio.current_time() if answered is None else answered) - put_at)
