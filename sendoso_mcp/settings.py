"""The environment, read once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import quote, urlsplit

from sendoso_mcp.errors import SettingsError

DEFAULT_BASE_URL = "https://app.sendoso.com/api/v2"
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogFormat = Literal["text", "json"]
# What a client passes on for a setting of a bundle that was left empty:
# https://github.com/modelcontextprotocol/mcpb/pull/252
_UNFILLED = re.compile(r"\$\{user_config\.\w+\}")
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment, as papers, bundles and help tell of it."""

    name: str
    meaning: str
    default: str = ""
    """What an absent one means, in words; nothing where `meaning` says it."""
    secret: bool = False
    file: bool = False
    """Whether it names a file."""
    values: tuple[str, ...] = ()
    """All that it may be, where that is a short list."""


VARIABLES = (
    Variable("SENDOSO_API_KEY", "your key; without one, the embedded sandbox", secret=True),
    Variable(
        "SENDOSO_BASE_URL",
        "where the API is; https, or http on this machine; only with a key",
        f"`{DEFAULT_BASE_URL}`",
    ),
    Variable("SENDOSO_POLICY_FILE", "what may be spent, a TOML file", "the built-in limits", file=True),
    Variable(
        "SENDOSO_LEDGER_URL",
        "where it is written down what was spent: `sqlite:////path` or `postgresql://user@host/database`",
        "a SQLite file in your state directory; in memory for the embedded sandbox",
        secret=True,
    ),
    Variable(
        "SENDOSO_READ_ONLY",
        "`true` leaves out all tools that change something",
        "`false`",
        values=("true", "false"),
    ),
    Variable(
        "SENDOSO_LOG_LEVEL",
        "how much goes into the log, on stderr; `DEBUG` has names and addresses in it",
        "`INFO`",
        values=get_args(LogLevel),
    ),
    Variable(
        "SENDOSO_LOG_FORMAT",
        "`text`, or `json` for one JSON object a line",
        "`text`",
        values=get_args(LogFormat),
    ),
)
"""Every variable that is read."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    The key and the address are as written: whether they can be used is checked where they are used, so
    that a server with a wrong key still starts and can tell the person in the chat what to mend.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str = DEFAULT_BASE_URL
    policy_file: Path | None = None
    """What may be spent; None: the safe defaults that come with the package."""
    ledger_url: str | None = field(default=None, repr=False)
    """Where what was spent is written down; None: see `ledger`. It may hold a password."""
    read_only: bool = False
    log_level: LogLevel = "INFO"
    log_format: LogFormat = "text"

    @property
    def sandbox(self) -> bool:
        """Without a key there is no Sendoso account: the embedded sandbox stands in."""
        return self.api_key is None

    @property
    def account(self) -> str:
        """Names whose sends a ledger holds: a ledger serves one Sendoso only."""
        return "the embedded sandbox" if self.sandbox else f"Sendoso at {self._host}"

    @property
    def ledger(self) -> str:
        """The ledger's URL: as written, or a file in the user's state directory, one for each Sendoso.

        The embedded sandbox forgets its sends when it ends, and so does its ledger.
        """
        if self.ledger_url is not None:
            return self.ledger_url
        if self.sandbox:
            return "sqlite://"
        # Imported here: a start without a key pays nothing for it.
        from platformdirs import user_state_path  # noqa: PLC0415 - lazy on purpose

        host = re.sub(r"[^a-z0-9.-]", "-", self._host)
        name = "ledger" if self.base_url == DEFAULT_BASE_URL else f"ledger-{host}"
        path = user_state_path("sendoso-mcp", appauthor=False) / f"{name}.sqlite3"
        return f"sqlite:///{quote(str(path))}"

    @property
    def catalogue_cache(self) -> Path | None:
        """Where the gifts are kept from one start to the next, one file for each key and address.

        None for the embedded sandbox, which is as fast as a file. The hash of a random key does not tell it.
        """
        if self.api_key is None:
            return None
        # Imported here: a start without a key pays nothing for it.
        from platformdirs import user_cache_path  # noqa: PLC0415 - lazy on purpose

        digest = sha256(f"sendoso-mcp catalogue\0{self.base_url}\0{self.api_key}".encode()).hexdigest()[:24]
        return user_cache_path("sendoso-mcp", appauthor=False) / f"catalogue-{digest}"

    @property
    def _host(self) -> str:
        try:
            return urlsplit(self.base_url).netloc.rpartition("@")[2].casefold()
        except ValueError:  # not an address; whoever connects to it will say so
            return "unknown"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Reads the `SENDOSO_*` variables; an empty one counts as absent.

    Raises:
        SettingsError: a variable has a value that cannot be meant.
    """
    environ = {each.name: _filled(environ.get(each.name, "")) for each in VARIABLES}
    level = environ["SENDOSO_LOG_LEVEL"].upper() or "INFO"
    if level not in get_args(LogLevel):
        raise SettingsError(f"SENDOSO_LOG_LEVEL must be one of {', '.join(get_args(LogLevel))}.")
    log_format = environ["SENDOSO_LOG_FORMAT"].lower() or "text"
    if log_format not in get_args(LogFormat):
        raise SettingsError(f"SENDOSO_LOG_FORMAT must be one of {', '.join(get_args(LogFormat))}.")
    api_key = environ["SENDOSO_API_KEY"] or None
    base_url = environ["SENDOSO_BASE_URL"]
    if base_url and api_key is None:
        raise SettingsError(
            "SENDOSO_BASE_URL is set without SENDOSO_API_KEY. Set the key as well, "
            "or remove both to use the embedded sandbox."
        )
    policy_file = environ["SENDOSO_POLICY_FILE"]
    return Settings(
        api_key=api_key,
        base_url=(base_url or DEFAULT_BASE_URL).rstrip("/"),
        policy_file=Path(policy_file).expanduser() if policy_file else None,
        ledger_url=environ["SENDOSO_LEDGER_URL"] or None,
        read_only=_flag(environ, "SENDOSO_READ_ONLY"),
        log_level=cast(LogLevel, level),
        log_format=cast(LogFormat, log_format),
    )


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ[name].lower()
    if value not in _TRUE | _FALSE:
        raise SettingsError(f"{name} must be true or false.")
    return value in _TRUE


def _filled(text: str) -> str:
    value = text.strip()
    return "" if _UNFILLED.fullmatch(value) else value
