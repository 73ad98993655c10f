"""The environment, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from sendoso_mcp.errors import SettingsError

DEFAULT_BASE_URL = "https://app.sendoso.com/api/v2"
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})
# Read by a later version. Until then they are refused, so that nobody relies on a limit that is not kept.
_NOT_YET = ("SENDOSO_POLICY_FILE", "SENDOSO_LEDGER_URL")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    The key and the address are as written: whether they can be used is checked where they are used, so
    that a server with a wrong key still starts and can tell the person in the chat what to mend.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str = DEFAULT_BASE_URL
    read_only: bool = False
    log_level: LogLevel = "INFO"

    @property
    def sandbox(self) -> bool:
        """Without a key there is no Sendoso account: the embedded sandbox stands in."""
        return self.api_key is None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Reads the `SENDOSO_*` variables; an empty one counts as absent.

    Raises:
        SettingsError: a variable has a value that cannot be meant.
    """
    level = environ.get("SENDOSO_LOG_LEVEL", "").strip().upper() or "INFO"
    if level not in get_args(LogLevel):
        raise SettingsError(f"SENDOSO_LOG_LEVEL must be one of {', '.join(get_args(LogLevel))}.")
    for name in _NOT_YET:
        if environ.get(name, "").strip():
            raise SettingsError(
                f"{name} is set, but this version does not read it yet: the team's budget is its only limit. "
                "Remove the variable to start."
            )
    api_key = environ.get("SENDOSO_API_KEY", "").strip() or None
    base_url = environ.get("SENDOSO_BASE_URL", "").strip()
    if base_url and api_key is None:
        raise SettingsError(
            "SENDOSO_BASE_URL is set without SENDOSO_API_KEY. Set the key as well, "
            "or remove both to use the embedded sandbox."
        )
    return Settings(
        api_key=api_key,
        base_url=(base_url or DEFAULT_BASE_URL).rstrip("/"),
        read_only=_flag(environ, "SENDOSO_READ_ONLY"),
        log_level=cast(LogLevel, level),
    )


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "").strip().lower()
    if value not in _TRUE | _FALSE:
        raise SettingsError(f"{name} must be true or false.")
    return value in _TRUE
