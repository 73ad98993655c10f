from __future__ import annotations

from pathlib import Path

import pytest

from sendoso_mcp.errors import SettingsError
from sendoso_mcp.settings import DEFAULT_BASE_URL, VARIABLES, Settings, read_settings

KEY = "key-0123456789abcdef-secret"
NAMES = (
    "SENDOSO_API_KEY",
    "SENDOSO_BASE_URL",
    "SENDOSO_POLICY_FILE",
    "SENDOSO_LEDGER_URL",
    "SENDOSO_READ_ONLY",
    "SENDOSO_LOG_LEVEL",
    "SENDOSO_LOG_FORMAT",
)


def refuses(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    assert KEY not in f"{caught.value} {caught.value!r}"
    return str(caught.value)


def test_without_any_variable_the_sandbox_stands_in() -> None:
    settings = read_settings({})
    assert settings == Settings(
        api_key=None,
        base_url=DEFAULT_BASE_URL,
        policy_file=None,
        ledger_url=None,
        read_only=False,
        log_level="INFO",
    )
    assert settings.sandbox
    assert DEFAULT_BASE_URL == "https://app.sendoso.com/api/v2"


@pytest.mark.parametrize("empty", ["", " ", "\t\n"])
@pytest.mark.parametrize("name", NAMES)
def test_an_empty_variable_counts_as_absent(name: str, empty: str) -> None:
    assert read_settings({name: empty}) == read_settings({})


def test_every_variable_that_is_read_is_described() -> None:
    assert tuple(each.name for each in VARIABLES) == NAMES


def test_a_setting_that_a_client_did_not_fill_in_counts_as_absent() -> None:
    assert read_settings(dict.fromkeys(NAMES, "${user_config.anything}")) == read_settings({})
    # Another client's variable is not taken for nothing: it would be the sandbox that answers.
    assert read_settings({"SENDOSO_API_KEY": "${SENDOSO_API_KEY}"}).api_key == "${SENDOSO_API_KEY}"


@pytest.mark.parametrize(("value", "form"), [("json", "json"), (" JSON ", "json"), ("Text", "text")])
def test_the_form_of_the_log_is_read(value: str, form: str) -> None:
    assert read_settings({"SENDOSO_LOG_FORMAT": value}).log_format == form
    assert "one of text, json" in refuses(SENDOSO_LOG_FORMAT="xml")


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


def test_the_policy_file_is_a_path_of_the_user_s() -> None:
    assert read_settings({}).policy_file is None
    assert read_settings({"SENDOSO_POLICY_FILE": " /etc/gifts.toml "}).policy_file == Path("/etc/gifts.toml")
    assert read_settings({"SENDOSO_POLICY_FILE": "~/gifts.toml"}).policy_file == Path.home() / "gifts.toml"


def test_a_ledger_is_kept_as_it_is_written() -> None:
    for url in ("sqlite:////var/lib/gifts.sqlite3", "postgresql://ann@db.example/gifts"):
        settings = read_settings({"SENDOSO_LEDGER_URL": f" {url} ", "SENDOSO_API_KEY": KEY})
        assert settings.ledger == url


def test_the_sandbox_s_ledger_ends_with_it() -> None:
    assert read_settings({}).ledger == "sqlite://"
    assert (
        read_settings({"SENDOSO_LEDGER_URL": "sqlite:///gifts.sqlite3"}).ledger == "sqlite:///gifts.sqlite3"
    )


def test_an_account_s_ledger_is_a_file_in_the_user_s_state_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("platformdirs.user_state_path", lambda *_, **__: tmp_path / "a b")
    ledgers = {
        read_settings({"SENDOSO_API_KEY": KEY, "SENDOSO_BASE_URL": url}).ledger
        for url in (
            "",
            "https://eu.sendoso.test/api",
            "https://us.sendoso.test/api",
            "https://us.sendoso.test:1/",
        )
    }
    assert ledgers == {
        f"sqlite:///{tmp_path}/a%20b/{name}.sqlite3"
        for name in ("ledger", "ledger-eu.sendoso.test", "ledger-us.sendoso.test", "ledger-us.sendoso.test-1")
    }


@pytest.mark.parametrize(
    ("url", "account"),
    [
        ("https://app.sendoso.com/api/v2", "Sendoso at app.sendoso.com"),
        ("https://someone:secret@EU.sendoso.test/api", "Sendoso at eu.sendoso.test"),
        ("no address", "Sendoso at "),
        ("https://[bad", "Sendoso at unknown"),
    ],
)
def test_a_ledger_s_account_is_where_its_sendoso_is(url: str, account: str) -> None:
    assert Settings(api_key=KEY, base_url=url).account == account


def test_the_sandbox_s_account_is_no_real_one() -> None:
    assert Settings().account == "the embedded sandbox"


def test_settings_do_not_show_the_key_when_printed() -> None:
    url = f"postgresql://ann:{KEY}@db.example/gifts"
    settings = read_settings({"SENDOSO_API_KEY": KEY, "SENDOSO_LEDGER_URL": url})
    assert KEY not in f"{settings!r} {settings}"
