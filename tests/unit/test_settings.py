from __future__ import annotations

import pytest

from sendoso_mcp.errors import SettingsError
from sendoso_mcp.settings import DEFAULT_BASE_URL, Settings, read_settings

KEY = "key-0123456789abcdef-secret"
VARIABLES = (
    "SENDOSO_API_KEY",
    "SENDOSO_BASE_URL",
    "SENDOSO_POLICY_FILE",
    "SENDOSO_LEDGER_URL",
    "SENDOSO_READ_ONLY",
    "SENDOSO_LOG_LEVEL",
)


def refuses(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    assert KEY not in f"{caught.value} {caught.value!r}"
    return str(caught.value)


def test_without_any_variable_the_sandbox_stands_in() -> None:
    settings = read_settings({})
    assert settings == Settings(None, DEFAULT_BASE_URL, False, "INFO")
    assert settings.sandbox
    assert DEFAULT_BASE_URL == "https://app.sendoso.com/api/v2"


@pytest.mark.parametrize("empty", ["", " ", "\t\n"])
@pytest.mark.parametrize("name", VARIABLES)
def test_an_empty_variable_counts_as_absent(name: str, empty: str) -> None:
    assert read_settings({name: empty}) == read_settings({})


def test_variables_of_others_are_not_read() -> None:
    assert read_settings({"API_KEY": KEY, "sendoso_api_key": KEY, "SENDOSO_OTHER": "x"}) == Settings()


def test_a_key_means_a_real_account() -> None:
    settings = read_settings({"SENDOSO_API_KEY": f" {KEY}\n"})
    assert settings.api_key == KEY
    assert settings.base_url == DEFAULT_BASE_URL
    assert not settings.sandbox


def test_a_key_that_cannot_be_one_is_kept_for_the_chat_to_complain_about() -> None:
    assert read_settings({"SENDOSO_API_KEY": "bad key"}).api_key == "bad key"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://sendoso.test/api", "https://sendoso.test/api"),
        ("https://sendoso.test/api/", "https://sendoso.test/api"),
        ("  https://sendoso.test/api//  ", "https://sendoso.test/api"),
        ("no address", "no address"),
    ],
)
def test_an_address_is_kept_without_its_last_slash(written: str, read: str) -> None:
    assert read_settings({"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": written}).base_url == read


def test_an_address_without_a_key_would_silently_be_the_sandbox() -> None:
    text = refuses(SENDOSO_BASE_URL="https://sendoso.test")
    assert "SENDOSO_BASE_URL" in text
    assert "SENDOSO_API_KEY" in text


@pytest.mark.parametrize("written", ["1", "true", "TRUE", "yes", "on", " On "])
def test_read_only_is_switched_on(written: str) -> None:
    assert read_settings({"SENDOSO_READ_ONLY": written}).read_only is True


@pytest.mark.parametrize("written", ["0", "false", "False", "no", "off", ""])
def test_read_only_is_switched_off(written: str) -> None:
    assert read_settings({"SENDOSO_READ_ONLY": written}).read_only is False


@pytest.mark.parametrize("written", ["2", "-1", "maybe", "y", "enabled", "tru", "oui", KEY])
def test_what_is_neither_yes_nor_no_is_refused(written: str) -> None:
    assert "SENDOSO_READ_ONLY" in refuses(SENDOSO_READ_ONLY=written, SENDOSO_API_KEY=KEY)


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_a_log_level_is_read_in_any_case(level: str) -> None:
    for written in (level, level.lower(), f" {level.title()} "):
        assert read_settings({"SENDOSO_LOG_LEVEL": written}).log_level == level


@pytest.mark.parametrize("written", ["TRACE", "10", "WARN", "verbose", KEY])
def test_an_unknown_log_level_is_refused_with_the_known_ones(written: str) -> None:
    text = refuses(SENDOSO_LOG_LEVEL=written, SENDOSO_API_KEY=KEY)
    assert "SENDOSO_LOG_LEVEL" in text
    assert "WARNING" in text


@pytest.mark.parametrize("name", ["SENDOSO_POLICY_FILE", "SENDOSO_LEDGER_URL"])
def test_a_limit_that_would_not_be_kept_is_refused(name: str) -> None:
    text = refuses(**{name: f"/etc/{KEY}", "SENDOSO_API_KEY": KEY})
    assert name in text
    assert "does not read it yet" in text


def test_settings_do_not_show_the_key_when_printed() -> None:
    settings = read_settings({"SENDOSO_API_KEY": KEY})
    assert KEY not in f"{settings!r} {settings}"
