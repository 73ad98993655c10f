"""The command line: the only place that parses arguments. Each command is imported when it is called."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from sendoso_mcp import __version__
from sendoso_mcp.cli.approvals_parser import add_approvals, request_of
from sendoso_mcp.cli.collecting import start_without_collecting
from sendoso_mcp.cli.install.command import add_install
from sendoso_mcp.cli.logs import set_up
from sendoso_mcp.errors import SendosoError
from sendoso_mcp.settings import Settings, read_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status: 0 done, 1 failed, 2 not usable as asked."""
    words = list(sys.argv[1:] if argv is None else argv)
    # `sendoso-mcp` alone, and with only options, serves: that is what a client's config starts.
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "serve")
    arguments = command_line().parse_args(words)
    try:
        status: int = arguments.run(arguments)
    except SendosoError as error:
        print(f"sendoso-mcp: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def command_line() -> argparse.ArgumentParser:
    """The parser of every command and option."""
    parser = argparse.ArgumentParser(
        prog="sendoso-mcp",
        description="Corporate gifting through Sendoso for AI assistants. Without a command: serve.",
        epilog="Settings come from the environment: SENDOSO_API_KEY, SENDOSO_BASE_URL, SENDOSO_POLICY_FILE "
        "(what may be spent), SENDOSO_LEDGER_URL (where it is written down), SENDOSO_READ_ONLY, "
        "SENDOSO_LOG_LEVEL, SENDOSO_LOG_FORMAT. Without a key the embedded sandbox is used and nothing is "
        "really sent.",
    )
    parser.add_argument("--version", action="version", version=f"sendoso-mcp {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)

    serve = commands.add_parser("serve", help="run the MCP server (the default)")
    serve.add_argument(
        "--transport",
        choices=("stdio", "sse", "streamable-http"),
        default="stdio",
        help="stdio for desktop clients (default); sse at /sse, streamable-http at /mcp",
    )
    _address(serve, port=8000)
    serve.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="HOST",
        help="a name under which clients reach this server, when it listens beyond loopback; may be repeated",
    )
    serve.add_argument(
        "--public-url",
        type=_web_address,
        metavar="URL",
        help="where people reach this server, for links to its approval page (default http://HOST:PORT)",
    )
    serve.add_argument("--read-only", action="store_true", help="leave out all tools that change something")
    serve.add_argument("--tools", metavar="a,b", help="offer only these tools")
    serve.set_defaults(run=_serve)

    demo = commands.add_parser("demo", help="watch an assistant do the whole job on the embedded sandbox")
    demo.set_defaults(run=_demo)

    sandbox = commands.add_parser("sandbox", help="serve the embedded Sendoso over HTTP")
    _address(sandbox, port=8900)
    sandbox.add_argument("--items", type=_items, default=320, metavar="N", help="gifts (default 320)")
    sandbox.add_argument("--seed", type=int, default=7, metavar="N", help="another seed, another world (7)")
    sandbox.set_defaults(run=_sandbox)

    doctor = commands.add_parser(
        "doctor", help="check key, API, policy, ledger and clients' config; say what to do"
    )
    doctor.set_defaults(run=_doctor)

    add_install(commands)
    _add_audit(commands.add_parser("audit", help="show or verify what was asked for, approved and ordered"))
    _add_review(
        commands.add_parser("review", help="settle orders of which it is not known what came of them")
    )
    approvals = commands.add_parser("approvals", help="see and answer what waits for a person's yes")
    add_approvals(approvals, day=_date)
    approvals.set_defaults(run=_approvals)
    return parser


def _add_audit(audit: argparse.ArgumentParser) -> None:
    form = audit.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line, complete")
    form.add_argument(
        "--register",
        "--csv",
        metavar="FILE",
        help="write the gift register as CSV to a new FILE, or to - (stdout)",
    )
    audit.add_argument(
        "--verify",
        action="store_true",
        help="recompute the chain of hashes over the whole ledger; exit status 1 at the first broken row",
    )
    audit.add_argument(
        "--deeds",
        action="store_true",
        help="instead of gifts: PINs that were set, envelopes, cancellations, recipients that were made",
    )
    rows = audit.add_argument_group("which rows")
    rows.add_argument("--since", type=_date, metavar="DATE", help="from this UTC day on, such as 2026-11-25")
    rows.add_argument("--until", type=_date, metavar="DATE", help="up to this UTC day, which is included")
    rows.add_argument(
        "--recipient", default="", metavar="TEXT", help="a part of an email, name or id, in any case"
    )
    rows.add_argument(
        "--outcome",
        default="",
        metavar="STATE,...",
        help="what has such a state now, such as confirmed,unknown",
    )
    rows.add_argument("--intent", default="", metavar="ID", help="one intent")
    audit.set_defaults(run=_audit)


def _add_review(review: argparse.ArgumentParser) -> None:
    review.description = (
        "Lists the orders that wait for a person, after a look at Sendoso; with an ID, shows one of them and "
        "which sends could be it. --sent and --not-sent settle it, at a terminal, after a question."
    )
    review.add_argument("intent", nargs="?", default="", metavar="ID", help="the intent to look at or settle")
    word = review.add_mutually_exclusive_group()
    word.add_argument("--sent", default="", metavar="SEND_ID", help="this send at Sendoso is the order")
    word.add_argument("--not-sent", action="store_true", help="no gift was ordered: its money comes back")
    review.add_argument(
        "--force", action="store_true", help="settle it although something that is shown speaks against it"
    )
    review.set_defaults(run=_review)


def _address(parser: argparse.ArgumentParser, *, port: int) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=port, help=f"port to listen on (default {port})")


def _port(text: str) -> int:
    return _number(text, 0, 65_535)


def _items(text: str) -> int:
    return _number(text, 1, 200_000)


def _web_address(text: str) -> str:
    if not _host_of(text):
        raise argparse.ArgumentTypeError("must be an address such as https://gifts.example.com")
    return text


def _host_of(url: str) -> tuple[str, ...]:
    """The name in a web address; nothing if it is none."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and not (parts.query or parts.fragment or parts.username)
        return (parts.hostname,) if plain and parts.hostname and parts.port != 0 else ()
    except ValueError:
        return ()


def _date(text: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError("must be a day, such as 2026-11-25")


def _number(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")
    return int(text)


def _serve(arguments: argparse.Namespace) -> int:
    with start_without_collecting():
        from sendoso_mcp.cli.serve import Options, serve  # noqa: PLC0415 - a command pays for its own imports

        settings = _settings()
        names = [name.strip() for name in arguments.tools.split(",")] if arguments.tools is not None else None
        return serve(
            settings,
            Options(
                transport=arguments.transport,
                host=arguments.host,
                port=arguments.port,
                allowed_hosts=(*arguments.allowed_host, *_host_of(arguments.public_url or "")),
                public_url=arguments.public_url or "",
                read_only=arguments.read_only or settings.read_only,
                tools=None if names is None else tuple(name for name in names if name),
            ),
        )


def _demo(_: argparse.Namespace) -> int:
    from sendoso_mcp.cli.demo import demo  # noqa: PLC0415 - see _serve

    return demo()


def _sandbox(arguments: argparse.Namespace) -> int:
    from sendoso_mcp.cli.serve import serve_sandbox  # noqa: PLC0415 - see _serve

    set_up("INFO")
    return serve_sandbox(arguments.host, arguments.port, items=arguments.items, seed=arguments.seed)


def _doctor(_: argparse.Namespace) -> int:
    import anyio  # noqa: PLC0415 - see _serve

    from sendoso_mcp.cli.doctor import doctor  # noqa: PLC0415 - see _serve

    async def run() -> int:
        return await doctor(
            os.environ, home=Path.home(), cwd=Path.cwd(), platform=sys.platform, out=sys.stdout
        )

    return anyio.run(run)


def _audit(arguments: argparse.Namespace) -> int:
    from sendoso_mcp.cli.audit import Options, audit  # noqa: PLC0415 - see _serve
    from sendoso_mcp.cli.trail import Selection  # noqa: PLC0415 - see _serve

    selection = Selection(
        since=arguments.since,
        until=arguments.until,
        recipient=arguments.recipient.strip(),
        outcomes=frozenset(word.strip().lower() for word in arguments.outcome.split(",") if word.strip()),
        intent=arguments.intent.strip(),
    )
    options = Options(
        selection,
        as_json=arguments.json,
        verify=arguments.verify,
        register=arguments.register,
        deeds=arguments.deeds,
    )
    return audit(_settings(quiet=True), options)


def _review(arguments: argparse.Namespace) -> int:
    from sendoso_mcp.cli.review import Request, review  # noqa: PLC0415 - see _serve

    request = Request(
        intent=arguments.intent, sent=arguments.sent, not_sent=arguments.not_sent, force=arguments.force
    )
    return review(_settings(quiet=True), request)


def _approvals(arguments: argparse.Namespace) -> int:
    from sendoso_mcp.cli.approvals import approvals  # noqa: PLC0415 - see _serve

    return approvals(_settings(quiet=True), request_of(arguments))


def _settings(*, quiet: bool = False) -> Settings:
    """The environment; `quiet` leaves the log to what a person at a terminal has to know."""
    settings = read_settings(os.environ)
    set_up("WARNING" if quiet and settings.log_level == "INFO" else settings.log_level, settings.log_format)
    return settings
