from __future__ import annotations

import pytest
import respx
from api_kit import BASE, KEY, OPERATIONS, Operation, failure, opened

from sendoso_mcp.api import check_credentials
from sendoso_mcp.errors import BadCredentials

PART = "hunter2hunter2"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "short",
        "x" * 7,
        "x" * 513,
        "with a space",
        "with\ttab-with",
        "with-newline\n",
        "with\r\nheader: x",
        "with-\x7f-delete",
        "ünïcödé-key",
        "key-with-\u200b-zero-width",
        "YOUR_API_KEY",
        "your_sendoso_key",
        "<YOUR_KEY_HERE>",
    ],
)
def test_a_key_that_cannot_be_one_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(BadCredentials, match="SENDOSO_API_KEY") as caught:
        check_credentials(BASE, key)
    assert not key or key not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize("key", ["x" * 8, "x" * 512, "!~_-.:+/=\"'\\{}", KEY])
def test_a_key_of_printable_characters_is_accepted(key: str) -> None:
    check_credentials(BASE, key)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sendoso.test/api/v2",
        "//sendoso.test",
        "https://",
        "https:///api",
        "ftp://sendoso.test",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://sendoso.test?x=1",
        "https://sendoso.test/#x",
        f"https://user:{PART}@sendoso.test",
        f"https://{PART}@sendoso.test",
        f"https://:{PART}@sendoso.test",
        "https://sendoso.test:99999",
        "https://sendoso.test:port",
        "https://[::1",
        "https://sendoso.test?",
        "https://sendoso.test/api#",
        "https://sen doso.test",
        # What httpx cannot make a request of.
        "https://sendoso.é..test",
        "https://\u202esendoso.test",
        "https://sen\x01doso.test",
        "https://xn--",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadCredentials, match="SENDOSO_BASE_URL") as caught:
        check_credentials(url, KEY)
    assert KEY not in str(caught.value)
    assert PART not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://app.sendoso.com/api/v2",
        "http://localhost.evil.test",
        "http://127.0.0.1.evil.test",
        "http://127.0.0.1@evil.test",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::2]",
        "HTTP://evil.test",
    ],
)
def test_http_off_this_machine_is_refused(url: str) -> None:
    with pytest.raises(BadCredentials, match="SENDOSO_BASE_URL"):
        check_credentials(url, KEY)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8900",
        "http://localhost:8900/api/v2",
        "http://LOCALHOST",
        "http://[::1]:8900",
        "https://app.sendoso.com/api/v2",
        "https://sendoso.test:8443/x/y",
        "HTTPS://sendoso.test",
    ],
)
def test_https_and_this_machine_are_accepted(url: str) -> None:
    check_credentials(url, KEY)


@pytest.mark.anyio
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.parametrize(
    ("base_url", "api_key"), [(BASE, "bad key bad key"), ("http://sendoso.test", KEY), ("nonsense", KEY)]
)
async def test_bad_credentials_are_told_at_every_call_and_never_sent(
    base_url: str, api_key: str, operation: Operation, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.route().respond(200, json=dict(operation.answer))
    error = await failure(operation.call, base_url=base_url, api_key=api_key)
    assert type(error) is BadCredentials
    assert api_key not in f"{error} {error!r}"
    assert not route.called


@pytest.mark.anyio
async def test_opening_with_bad_credentials_is_no_error_yet() -> None:
    async with opened(base_url="nonsense", api_key="bad"):
        pass


@pytest.mark.anyio
async def test_no_part_of_the_client_shows_the_key_when_printed(respx_mock: respx.MockRouter) -> None:
    respx_mock.route().respond(200, json={})
    async with opened() as sendoso:
        await sendoso.get_budget()
        assert KEY not in f"{sendoso!r} {sendoso} {[repr(part) for part in vars(sendoso).values()]}"
