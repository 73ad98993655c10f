"""Which requests are served over HTTP."""

from __future__ import annotations

import pytest

from sendoso_mcp.cli import main, serve
from sendoso_mcp.cli.http import transport_security
from sendoso_mcp.cli.serve import Options
from sendoso_mcp.settings import Settings


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://[2001:db8::1]", "[2001:db8::1]"),
        ("https://[2001:DB8:0:0:0:0:0:1]:8443/gifts", "[2001:db8::1]"),
        ("https://Gifts.Example.com", "gifts.example.com"),
        ("http://192.0.2.7:8000", "192.0.2.7"),
    ],
)
def test_the_public_address_is_served_as_browsers_send_it(
    url: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Options] = []

    def noted(_: Settings, options: Options) -> int:
        given.append(options)
        return 0

    monkeypatch.setattr(serve, "serve", noted)
    assert main(["--transport", "streamable-http", "--public-url", url]) == 0
    served = transport_security(given[0].host, given[0].allowed_hosts)
    assert {sent, f"{sent}:*"} <= set(served.allowed_hosts)
    assert {f"https://{sent}", f"https://{sent}:*"} <= set(served.allowed_origins)


@pytest.mark.parametrize("name", ["2001:db8::1", "[2001:db8::1]"])
def test_an_allowed_address_may_be_given_with_brackets_or_without(name: str) -> None:
    assert "[2001:db8::1]" in transport_security("127.0.0.1", (name,)).allowed_hosts
    assert "[2001:db8::1]" in transport_security(name.strip("[]"), ()).allowed_hosts
