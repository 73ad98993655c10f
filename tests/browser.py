"""A headless Chromium, driven over WebDriver as a person would: by the keyboard and the mouse."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_PATIENCE = 20_000
"""Milliseconds in which something that is looked for must be there."""
TAB, ENTER = "\ue004", "\ue007"
_SWITCHES = (
    # `--no-sandbox`: Chromium's own sandbox does not start as root, as on CI.
    "--headless --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --disable-default-apps"
).split()


@contextmanager
def webdriver() -> Iterator[str]:
    """Runs ChromeDriver on a port that it chooses; skips the test where there is none, but never on CI."""
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or chromium is None:
        reason = (
            "no Chromium here: the approval page is NOT tested (apt-get install chromium chromium-driver)"
        )
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    process = subprocess.Popen(
        [driver, "--port=0", "--log-level=SEVERE"],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = next(
            found[1] for line in process.stdout if (found := re.search(r"successfully on port (\d+)", line))
        )
        yield f"http://127.0.0.1:{port}"
    finally:
        # With the browsers that it started, should one of them hang.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@dataclass
class Browser:
    """One window."""

    _http: httpx.AsyncClient
    _first: str
    """A window that stays empty, so that the browser stays."""
    _requested: list[str] = field(default_factory=list)

    async def open(self, url: str) -> None:
        await self._post("/url", url=url)

    async def back(self) -> None:
        await self._post("/back")

    async def reload(self) -> None:
        await self._post("/refresh")

    async def url(self) -> str:
        return str(await self._get("/url"))

    async def title(self) -> str:
        return str(await self._get("/title"))

    async def source(self) -> str:
        return str(await self._get("/source"))

    async def text(self, css: str = "body") -> str:
        return str(await self._get(f"/element/{await self._find(css)}/text"))

    async def count(self, css: str) -> int:
        """How many there are now, without waiting for any."""
        await self._post("/timeouts", implicit=0)
        found = await self._post("/elements", using="css selector", value=css)
        await self._post("/timeouts", implicit=_PATIENCE)
        return len(found)

    async def press(self, css: str, *, turns: bool = True) -> None:
        """Clicks; `turns` says that a new page comes of it, and waits for it."""
        await self._turning(turns, self._post(f"/element/{await self._find(css)}/click"))

    async def type_into(self, css: str, text: str) -> None:
        await self._post(f"/element/{await self._find(css)}/value", text=text)

    async def keys(self, keys: str, *, turns: bool = False) -> None:
        """Presses keys one after the other, wherever the focus is."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        pressing = self._post("/actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])
        await self._turning(turns, pressing)

    async def focused(self) -> str:
        """What has the focus: its tag and text, or its tag and id."""
        element = (await self._get("/element/active"))[_ELEMENT]
        tag, text = await self._get(f"/element/{element}/name"), await self._get(f"/element/{element}/text")
        return f"{tag} {text or await self._get(f'/element/{element}/attribute/id')}"

    async def measure(self, expression: str) -> Any:
        """The value of an expression of the developer tools, which need no script in the page."""
        result = await self._tool("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"]["value"]

    async def screen(self, width: int, scheme: str) -> None:
        """A screen of this width, as a phone reports it, whose owner likes this colour scheme."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
        await self._tool("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self._tool("Emulation.setEmulatedMedia", features=features)

    async def requested(self) -> list[str]:
        """Every address that was asked for since the start."""
        for entry in await self._post("/se/log", type="performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._requested.append(message["params"]["request"]["url"])
        return self._requested

    async def complaints(self) -> list[str]:
        """What the browser's console says."""
        return [entry["message"] for entry in await self._post("/se/log", type="browser")]

    async def opened(self, count: int) -> list[str]:
        """Waits for windows that this one opened, and gives what each of them says."""
        here, opened = await self._get("/window"), list[str]()
        with anyio.fail_after(_PATIENCE / 1_000):
            while len(opened) < count:
                handles = await self._get("/window/handles")
                opened = [handle for handle in handles if handle not in (here, self._first)]
        texts = []
        for handle in opened:
            await self._post("/window", handle=handle)
            await self._find("h1")
            texts.append(await self.text())
            await self._delete("/window")
        await self._post("/window", handle=here)
        return texts

    async def picture(self) -> bytes:
        """The whole page as PNG."""
        shot = await self._tool("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    async def _turning(self, turns: bool, act: Awaitable[object]) -> None:
        # A click is done when it is sent; its page comes later, and until then the old one can be read.
        if turns:
            await self.measure("document.documentElement.id = 'old'")
        await act
        if turns:
            await self._find("html:not(#old)")

    async def _find(self, css: str) -> str:
        return str((await self._post("/element", using="css selector", value=css))[_ELEMENT])

    async def _tool(self, method: str, **parameters: Any) -> Any:
        return await self._post("/goog/cdp/execute", cmd=method, params=parameters)

    async def _get(self, path: str) -> Any:
        return _value(await self._http.get(path))

    async def _delete(self, path: str) -> None:
        _value(await self._http.delete(path))

    async def _post(self, path: str, **parameters: Any) -> Any:
        return _value(await self._http.post(path, json=parameters))


@contextmanager
def chromium(driver: str, *, scripts: bool = True) -> Iterator[str]:
    """Runs a browser with a new profile, and yields the address of its session."""
    options: dict[str, Any] = {"args": _SWITCHES}
    if not scripts:
        options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
    wanted = {
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
        "timeouts": {"implicit": _PATIENCE},
    }
    with httpx.Client(base_url=driver, timeout=60, trust_env=False) as client:
        session = _value(client.post("/session", json={"capabilities": {"alwaysMatch": wanted}}))
        path = f"/session/{session['sessionId']}"
        try:
            yield driver + path
        finally:
            client.delete(path)


@asynccontextmanager
async def new_window(session: str) -> AsyncIterator[Browser]:
    """A window with nothing in its history, its log or its settings."""
    async with httpx.AsyncClient(base_url=session, timeout=60, trust_env=False) as client:

        async def switch(handle: str) -> None:
            _value(await client.post("/window", json={"handle": handle}))

        first = _value(await client.get("/window"))
        await switch(_value(await client.post("/window/new", json={"type": "tab"}))["handle"])
        window = Browser(client, first)
        try:
            await window.complaints()
            (await window.requested()).clear()
            yield window
        finally:
            _value(await client.delete("/window"))
            await switch(first)


def _value(answer: httpx.Response) -> Any:
    value = answer.json()["value"]
    assert answer.is_success, f"{value['error']}: {value['message']}"
    return value
