"""Requests to Sendoso: one deadline, one size limit, and retries for reads only."""

from __future__ import annotations

import random
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any, Literal, NoReturn
from urllib.parse import urlsplit

import anyio
import httpx

from sendoso_mcp import __version__
from sendoso_mcp.api.answers import Json, error_of, read, retry_after, said_besides, standing_of
from sendoso_mcp.api.credentials import check_credentials
from sendoso_mcp.api.port import Standing
from sendoso_mcp.calls import Weight, tell
from sendoso_mcp.errors import (
    ApiError,
    BadArgument,
    ConnectionLost,
    NotConnected,
    RateLimited,
    SettingsError,
    Timeout,
    TooBusy,
    UnreadableAnswer,
)

_Event = MutableMapping[str, Any]
ASGIApp = Callable[
    [_Event, Callable[[], Awaitable[_Event]], Callable[[_Event], Awaitable[None]]], Awaitable[None]
]
Pace = Callable[[], Awaitable[None]]

MAX_BODY = 8 * 1024 * 1024
"""Bytes. The largest honest answer, a page of 100 gifts, is about a hundredth of this."""

_ATTEMPTS = 3
_RETRIED = frozenset({429, 502, 503, 504})
# Connection errors. Time-outs while reading are not here: a slow answer is not made faster by asking twice.
_BROKEN = (httpx.NetworkError, httpx.ConnectTimeout, httpx.RemoteProtocolError)
# Raised before any byte of the request can have left: the only transport errors that prove "not sent".
_BEFORE_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Timing:
    """Time-outs and delays, in seconds."""

    connect: float = 5.0
    read: float = 15.0
    write: float = 10.0
    pool: float = 5.0
    read_deadline: float = 25.0
    """For a GET with all its retries, and the waits for its turns."""
    write_deadline: float = 30.0
    """For a POST or DELETE, from connecting to the last byte of the answer."""
    backoff: float = 0.3
    """The longest first wait before a retry; it doubles, and a random part of it is waited."""
    longest_wait: float = 8.0
    """The most that a Retry-After is honoured for."""


async def _body(response: httpx.Response) -> bytes:
    """The whole body, unpacked here so that a small body cannot unpack to a huge one (httpx has no limit).

    Raises:
        UnreadableAnswer: it is too large, or packed in a way that was not asked for.
    """
    packings = [name.strip().lower() for name in response.headers.get("content-encoding", "").split(",")]
    packings = [name for name in packings if name not in ("", "identity")]
    if packings not in ([], ["gzip"], ["x-gzip"]):
        raise UnreadableAnswer("packed in a way that was not asked for")
    unpacker = zlib.decompressobj(wbits=31) if packings else None
    content = bytearray()
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        try:
            content += unpacker.decompress(chunk, MAX_BODY + 1 - len(content)) if unpacker else chunk
        except zlib.error:
            raise UnreadableAnswer("packed data that cannot be unpacked") from None
        if max(received, len(content)) > MAX_BODY:
            raise UnreadableAnswer(f"more than {MAX_BODY // 1024**2} MiB")
        if unpacker and unpacker.unused_data:
            raise UnreadableAnswer("packed data with something behind it")
    if unpacker and received and not unpacker.eof:
        raise UnreadableAnswer("packed data that is cut off")
    return bytes(content)


class _NoCookies(CookieJar):
    """The API knows no cookies. What one answer set would go into every later request, however much it is."""

    def extract_cookies(self, response: object, request: object) -> None:
        """Reads nothing: the jar of the standard library prints what it cannot read."""


class HttpClient:
    """Sends requests with the key, and turns every answer that is not one into an `ApiError`.

    A connection pool is made at its first request: reading certificates takes longer than the rest of
    a start. `pace` is awaited before every single request, retries included.
    """

    def __init__(
        self, *, base_url: str, api_key: str, app: ASGIApp | None, timing: Timing, pace: Pace | None = None
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._app = app
        self._timing = timing
        self._pace = pace
        self._clients: dict[bool, httpx.AsyncClient] = {}
        """Two pools; the one of True keeps its connections."""
        self.standing: Standing = "unknown"

    async def get(
        self, path: str, params: Mapping[str, Any], *, what: str | None = None, to_show: bool = False
    ) -> Json:
        """A read, tried up to three times; parameters that are None are left out.

        Args:
            path: what is asked for.
            params: the query.
            what: names the thing whose id is in the path, for the sentence a 404 becomes.
            to_show: nothing is decided by the answer, so that it may come over a connection that was used
                before; it can then be what a faulty server said once too often.

        Raises:
            ApiError: as the tree in `sendoso_mcp.errors` says.
            BadArgument, SettingsError: before anything is sent.
        """
        refusal: ApiError | None = None
        asked = False
        with anyio.move_on_after(self._timing.read_deadline):
            for attempt in range(1, _ATTEMPTS + 1):
                last = attempt == _ATTEMPTS
                await self._turn()
                asked = True
                try:
                    response, body = await self._exchange("GET", path, params=params, to_show=to_show)
                except _BROKEN as error:
                    if last:
                        self._raise_transport(error)
                    await self._pause(attempt, None, "notice", "Sendoso could not be read")
                    continue
                except httpx.RequestError as error:
                    self._raise_transport(error)
                if response.status_code in _RETRIED and not last:
                    refusal = error_of(response, body, what)
                    if isinstance(refusal, RateLimited):
                        why: tuple[Weight, str] = "warning", "Sendoso limits how often it is asked"
                    else:
                        why = "notice", f"Sendoso had a problem of its own (HTTP {response.status_code})"
                    await self._pause(attempt, retry_after(response), *why)
                    continue
                return read(response, body, what)
        # Out of time while waiting to try again: what it refused for says more than that.
        raise refusal or (Timeout if asked else TooBusy)(self._timing.read_deadline)

    async def write(
        self,
        method: Literal["POST", "DELETE"],
        path: str,
        body: Json | None = None,
        *,
        what: str | None = None,
        answered: bool = True,
    ) -> Json:
        """A write: exactly one request. With `answered` false the body of a 2xx may be empty: {}.

        Raises:
            ApiError: as the tree in `sendoso_mcp.errors` says.
            BadArgument, SettingsError, whatever `pace` raises: before anything is sent.
        """
        # Outside the deadline: past that one Sendoso may have been asked, and who waits here has not asked.
        await self._turn()
        with anyio.move_on_after(self._timing.write_deadline):
            try:
                response, content = await self._exchange(method, path, body=body)
            except httpx.RequestError as error:
                self._raise_transport(error)
            if not answered and response.is_success and (said := said_besides(content)) is not None:
                return said
            return read(response, content, what)
        raise Timeout(self._timing.write_deadline)

    async def aclose(self) -> None:
        """Closes the pools. Idempotent."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    def _open(self, *, kept: bool) -> httpx.AsyncClient:
        if kept not in self._clients:
            if self._app is None:
                check_credentials(self._base_url, self._api_key)
            try:
                self._clients[kept] = self._pool(kept=kept)
            except (OSError, ValueError, httpx.InvalidURL) as error:
                # httpx reads certificates and proxies from the environment.
                raise SettingsError(
                    "This machine's network settings cannot be used: "
                    "check SSL_CERT_FILE, SSL_CERT_DIR and the proxy variables."
                ) from error
        return self._clients[kept]

    def _pool(self, *, kept: bool) -> httpx.AsyncClient:
        timing, app = self._timing, self._app
        return httpx.AsyncClient(
            headers={
                "X-Api-Key": self._api_key,
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": f"sendoso-mcp/{__version__}",
            },
            timeout=httpx.Timeout(
                connect=timing.connect, read=timing.read, write=timing.write, pool=timing.pool
            ),
            # A connection is used once. Nothing in HTTP/1.1 ties an answer to its request: what a server
            # says too much would confirm the next order, and one that closes just as the connection is used
            # again would leave an order in doubt. What is only shown may bear that.
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=2 if kept else 0),
            cookies=_NoCookies(),
            follow_redirects=False,
            # Plain http is for this machine only, and must not go to a proxy on another.
            trust_env=self._base_url.startswith("https:"),
            transport=None if app is None else httpx.ASGITransport(app, raise_app_exceptions=False),
        )

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Json | None = None,
        to_show: bool = False,
    ) -> tuple[httpx.Response, bytes]:
        client = self._open(kept=to_show)
        query = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            request = client.build_request(method, self._base_url + path, params=query or None, json=body)
        except UnicodeEncodeError:
            raise BadArgument("An argument holds text that cannot be sent, such as half an emoji.") from None
        try:
            response = await client.send(request, stream=True)
        except httpx.RequestError:
            self.standing = "unreachable"
            raise
        except (httpx.InvalidURL, ValueError):
            # httpx reads where a redirect leads even if it does not follow, and trips over some addresses.
            raise UnreadableAnswer("a redirect") from None
        self.standing = standing_of(response)
        try:
            return response, await _body(response)
        except UnreadableAnswer:
            if response.is_success:
                raise
            # What a refusal says does not matter as much as that it is one. (Not JSON, and not nothing.)
            return response, b"?"
        finally:
            await response.aclose()

    async def _turn(self) -> None:
        if self._pace is not None:
            await self._pace()

    async def _pause(self, attempt: int, asked: float | None, weight: Weight, why: str) -> None:
        timing = self._timing
        if asked is None:
            # Jitter keeps many servers from coming back in the same instant.
            asked = timing.backoff * 2 ** (attempt - 1) * random.uniform(0.5, 1)  # noqa: S311 - not a secret
        wait = min(asked, timing.longest_wait)
        tell(weight, f"{why}; it is asked again in {wait:.1f} s (try {attempt + 1} of {_ATTEMPTS}).")
        await anyio.sleep(wait)

    def _raise_transport(self, error: httpx.RequestError) -> NoReturn:
        if isinstance(error, _BEFORE_CONNECTION):
            raise NotConnected(urlsplit(self._base_url).netloc) from error
        if isinstance(error, httpx.TimeoutException):
            waited = self._timing.write if isinstance(error, httpx.WriteTimeout) else self._timing.read
            raise Timeout(waited) from error
        if isinstance(error, httpx.DecodingError):
            raise UnreadableAnswer("packed data that cannot be unpacked") from error
        raise ConnectionLost from error
