"""Which requests are answered: the Host they name, the page they come from, the form they carry."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl

import anyio
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

LONGEST_BODY = 4_096
"""Bytes of a form: two tokens, a seal and a PIN are a few hundred."""
_BODY_WITHIN = 10.0
_FORM = "application/x-www-form-urlencoded"


class Refused(Exception):
    """A request that is not answered, with its status and what to tell a person."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.text = text


def host_is_served(headers: Headers, allowed_hosts: Collection[str]) -> bool:
    """Whether a request names one of these hosts; `name:*` stands for a name with any port.

    A page of another site whose name was pointed at this machine (DNS rebinding) still names itself.
    """
    hosts = headers.getlist("host")
    if len(hosts) != 1 or "*" in hosts[0]:
        return False
    host = hosts[0].casefold()
    name = re.sub(r":\d{1,5}$", ":*", host)
    return any(allowed.casefold() in (host, name) for allowed in allowed_hosts)


def check_origin(headers: Headers) -> None:
    """Takes a form only from a page of this very server.

    A browser says where a form was: `Sec-Fetch-Site` on https and on loopback, `Origin` nearly always.
    Neither may name another place, and one of them must name this one. That refuses a form of another port
    of this machine (`same-site`), of a sandboxed frame or a file (`Origin: null`), and a program that says
    nothing. The scheme in `Origin` is not compared: behind a proxy that ends TLS this server does not know
    its own.

    Raises:
        Refused: it came from elsewhere.
    """
    site, origin = headers.getlist("sec-fetch-site"), headers.getlist("origin")
    own = {f"{scheme}://{headers['host'].casefold()}" for scheme in ("http", "https")}
    from_here = [name == "same-origin" for name in site] + [name.casefold() in own for name in origin]
    if not from_here or not all(from_here):
        raise Refused(
            403,
            "This answer did not come from this page",
            "It was sent by another site, or by something that is not a browser. "
            "If you did not press a button just now, someone tried to answer in your name.",
        )


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form, each at most once.

    Raises:
        Refused: it is something else, too large, or does not come.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().casefold() != _FORM:
        raise Refused(415, "This is not a form of this page", "Use the buttons on the page of the question.")
    body = bytearray()
    try:
        with anyio.fail_after(_BODY_WITHIN):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LONGEST_BODY:
                    raise Refused(
                        413, "This answer is too long", "A PIN has at most a few hundred characters."
                    )
    except (TimeoutError, ClientDisconnect) as error:
        raise Refused(408, "The answer did not arrive", "The connection was too slow or broke.") from error
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=8,
        )
        fields = dict(pairs)
    except ValueError as error:
        raise _unreadable() from error
    if len(fields) != len(pairs):
        raise _unreadable()
    return fields


def _unreadable() -> Refused:
    return Refused(400, "This answer cannot be read", "Open the question again and use its buttons.")
