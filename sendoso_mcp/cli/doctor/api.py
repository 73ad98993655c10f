"""Checks the key, the address, and whether Sendoso answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from sendoso_mcp.cli.doctor.report import Check, failed
from sendoso_mcp.errors import NotConnected, SendosoError, SettingsError, Timeout
from sendoso_mcp.settings import Settings, read_settings

if TYPE_CHECKING:
    # At run time it is imported by the checks: with a broken httpx the doctor still has to come.
    from sendoso_mcp.api import Timing


def check_settings(environ: Mapping[str, str]) -> tuple[Settings | None, list[Check]]:
    """Whether the environment, the key and the address can be used as written; the settings if they can."""
    from sendoso_mcp.api import check_credentials  # noqa: PLC0415 - see TYPE_CHECKING

    try:
        settings = read_settings(environ)
        if settings.api_key is None:
            text = "No SENDOSO_API_KEY: the embedded sandbox is used; nothing is really sent or charged."
            return settings, [Check("info", text)]
        check_credentials(settings.base_url, settings.api_key)
    except SettingsError as error:
        return None, [failed(error), Check("info", "API: not checked, since the settings cannot be used")]
    return settings, [
        Check("ok", f"SENDOSO_API_KEY is set ({len(settings.api_key)} characters)"),
        # Only the host: people paste keys into paths and passwords.
        Check("ok", f"The API is at {urlsplit(settings.base_url).hostname}"),
    ]


async def check_api(
    base_url: str, api_key: str, *, timing: Timing | None = None, deadline: float = 10
) -> list[Check]:
    """Whether Sendoso answers, and lets this key read the team's budget and the inventory.

    Args:
        base_url: where the API is.
        api_key: a key that `check_settings` finds usable.
        timing: for one call; by default short, since a person waits.
        deadline: seconds for all calls together.
    """
    from sendoso_mcp import api  # noqa: PLC0415 - see TYPE_CHECKING

    # Three attempts to connect and the waits between them stay below the deadline of a call, so that a
    # silent host is reported as one that cannot be reached.
    timing = timing or api.Timing(connect=2.5, read=8, read_deadline=8.5, backoff=0.1, longest_wait=2)
    checks: list[Check] = []
    sendoso = api.connect(base_url=base_url, api_key=api_key, timing=timing)
    try:
        with anyio.move_on_after(deadline) as scope:
            try:
                budget = await sendoso.get_budget()
                left = "" if budget.remaining is None else f" ({budget.remaining:,.2f} USD left)"
                checks.append(Check("ok", f"The API answers: the team's budget can be read{left}"))
            except SendosoError as error:
                checks.append(failed(error))
                if isinstance(error, NotConnected | Timeout):
                    return checks
            try:
                total = (await sendoso.list_inventory(page=1, per_page=1)).total
                gifts = "" if total is None else f" ({total:,} gifts)"
                checks.append(Check("ok", f"The API answers: the inventory can be read{gifts}"))
            except SendosoError as error:
                # A refused key or a wrong address is one problem, however often it is met.
                if failed(error) not in checks:
                    checks.append(failed(error))
        if scope.cancelled_caught:
            checks.append(failed(Timeout(deadline)))
    finally:
        await sendoso.aclose()
    return checks
