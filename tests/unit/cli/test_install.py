"""`install` and `uninstall` on the files that people have."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sendoso_mcp.cli import main
from sendoso_mcp.cli.install.command import CLIENT_NAMES
from sendoso_mcp.cli.install.install import Request, Surroundings, install, uninstall
from sendoso_mcp.cli.install.launch import Launch, find_launch, server_arguments
from sendoso_mcp.cli.install.places import CLIENTS
from sendoso_mcp.errors import SettingsError

KEY = "sk-very-secret-0123456789"
PROGRAM = "/opt/gifts/bin/sendoso-mcp"
FILES = {
    "claude-desktop": ".config/Claude/claude_desktop_config.json",
    "claude-code": ".claude.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".config/Code/User/mcp.json",
}


@dataclass
class Desk:
    """A home directory, and somebody who runs the command in it."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    launch: Launch = field(default_factory=lambda: Launch(PROGRAM))
    typed: str | None = None
    """What is typed when the key is asked for; None: there is no terminal."""
    asked: int = 0
    said: str = ""
    printed: str = ""

    @property
    def cwd(self) -> Path:
        path = self.home / "work" / "shop"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def run(self, client: str, what: Callable[[Request, Surroundings], int] = install, **request: Any) -> int:
        out, told = io.StringIO(), io.StringIO()

        def ask(_: str) -> str:
            self.asked += 1
            return self.typed or ""

        around = Surroundings(
            environ=self.environ,
            home=self.home,
            cwd=self.cwd,
            platform="linux",
            launch=lambda: self.launch,
            ask=None if self.typed is None else ask,
            out=out,
            told=told,
        )
        try:
            return what(Request(client, **request), around)
        finally:
            self.printed, self.said = out.getvalue(), told.getvalue()
            assert KEY not in self.printed + self.said

    def refuses(self, client: str, **request: Any) -> str:
        with pytest.raises(SettingsError) as refused:
            self.run(client, **request)
        assert "othing was changed" in str(refused.value)
        assert KEY not in str(refused.value)
        return str(refused.value)

    def file(self, client: str) -> Path:
        return self.home / FILES[client]

    def write(self, client: str, text: str) -> Path:
        path = self.file(client)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def entries(self, client: str) -> Any:
        content = json.loads(self.file(client).read_text())
        return content["servers" if client == "vscode" else "mcpServers"]

    def backups(self, client: str) -> list[Path]:
        return sorted(self.file(client).parent.glob("*.bak"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "home")


def files_in(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_the_command_line_names_the_clients_that_there_are() -> None:
    assert tuple(CLIENTS) == CLIENT_NAMES


@pytest.mark.parametrize("client", FILES)
def test_a_missing_file_is_made_for_this_user_alone(desk: Desk, client: str) -> None:
    desk.environ["SENDOSO_API_KEY"] = KEY
    assert desk.run(client) == 0
    assert "There was no such file, so it was made" in desk.said
    entry = desk.entries(client)["sendoso"]
    assert entry["command"] == PROGRAM
    assert entry.get("type") == (None if client == "claude-desktop" else "stdio")
    assert entry["env"]["SENDOSO_API_KEY"] == ("${input:sendoso-api-key}" if client == "vscode" else KEY)
    assert stat.S_IMODE(desk.file(client).stat().st_mode) == 0o600
    assert desk.backups(client) == []


OTHERS = """{
    // the team's
    "inputs": [{"id": "other", "type": "promptString"}],
    "servers": {
        "notes": {"command": "npx", "args": ["-y", "notes"]}, /* keep */
    },
}
"""


def test_comments_and_other_servers_stay_in_vs_code_and_the_way_back_is_exact(desk: Desk) -> None:
    path = desk.write("vscode", OTHERS)
    assert desk.run("vscode") == 0
    text = path.read_text()
    for line in OTHERS.splitlines():
        assert line.strip().rstrip(",]}") in text
    assert text.count('"sendoso"') == text.count('"promptString",') == 1
    (backup,) = desk.backups("vscode")
    assert backup.read_text() == OTHERS
    before = files_in(desk.home)
    assert desk.run("vscode") == 0
    assert "nothing was written" in desk.said
    assert files_in(desk.home) == before
    assert desk.run("vscode", uninstall) == 0
    assert path.read_text() == OTHERS
    assert desk.run("vscode", uninstall) == 0
    assert "no such server" in desk.said


def test_bom_line_ends_tabs_and_order_stay(desk: Desk) -> None:
    text = '\ufeff{\r\n\t"z": 1,\r\n\t"mcpServers": {\r\n\t\t"b": {"command": "b"}\r\n\t},\r\n\t"a": "ü"\r\n}'
    path = desk.write("claude-desktop", text)
    desk.run("claude-desktop")
    new = path.read_bytes().decode()
    assert new.startswith('\ufeff{\r\n\t"z": 1,')
    assert new.endswith('\r\n\t},\r\n\t"a": "ü"\r\n}')
    assert "\n" not in new.replace("\r\n", "")
    assert '\r\n\t\t"sendoso": {\r\n\t\t\t"command"' in new
    desk.run("claude-desktop", uninstall)
    assert path.read_bytes() == text.encode()


def test_an_entry_of_another_name_is_brought_up_to_date_not_doubled(desk: Desk) -> None:
    old = {
        "command": "uvx",
        "args": ["--from", "old.whl", "sendoso-mcp", "--read-only"],
        "env": {"SENDOSO_API_KEY": "old-key-0123456789", "HTTPS_PROXY": "http://proxy.test"},
        "autoApprove": ["get_budget"],
    }
    desk.write("cursor", json.dumps({"mcpServers": {"gifts": old}}))
    desk.environ["SENDOSO_API_KEY"] = KEY
    desk.run("cursor")
    (entry,) = desk.entries("cursor").values()
    assert entry == {
        "command": PROGRAM,
        "args": ["--read-only"],
        "env": {"SENDOSO_API_KEY": KEY, "HTTPS_PROXY": "http://proxy.test"},
        "autoApprove": ["get_budget"],
        "type": "stdio",
    }
    assert '"gifts" was changed' in desk.said


def test_a_key_that_is_there_or_filled_in_by_the_client_stays(desk: Desk) -> None:
    entry = {"command": PROGRAM, "env": {"SENDOSO_API_KEY": "${env:MY_KEY}"}}
    desk.write("cursor", json.dumps({"mcpServers": {"sendoso": entry}}))
    desk.environ["SENDOSO_API_KEY"] = KEY
    desk.run("cursor")
    assert desk.entries("cursor")["sendoso"]["env"] == entry["env"]
    desk.environ.clear()
    desk.typed = "never-asked-for"
    entry["env"] = {"SENDOSO_API_KEY": "old-key-0123456789"}
    desk.write("claude-code", json.dumps({"mcpServers": {"sendoso": entry}}))
    desk.run("claude-code")
    assert desk.entries("claude-code")["sendoso"]["env"] == entry["env"]
    assert desk.asked == 0


def test_the_key_is_asked_for_at_a_terminal_and_a_bad_one_is_refused(desk: Desk) -> None:
    desk.typed = "  " + KEY + "\n"
    desk.run("claude-desktop")
    assert desk.asked == 1
    assert desk.entries("claude-desktop")["sendoso"]["env"] == {"SENDOSO_API_KEY": KEY}
    desk.typed = "two words"
    assert "does not look like an API key" in desk.refuses("cursor")
    assert not desk.file("cursor").exists()


@pytest.mark.parametrize("typed", [None, ""])
def test_without_a_key_the_sandbox_is_used_and_that_is_said(desk: Desk, typed: str | None) -> None:
    desk.typed = typed
    desk.run("claude-desktop")
    assert desk.entries("claude-desktop") == {"sendoso": {"command": PROGRAM}}
    assert "embedded sandbox" in desk.said


@pytest.mark.parametrize(
    ("client", "file", "stands_for_it"),
    [
        ("claude-code", ".mcp.json", "${SENDOSO_API_KEY:-}"),
        ("cursor", ".cursor/mcp.json", "${env:SENDOSO_API_KEY}"),
        ("vscode", ".vscode/mcp.json", "${input:sendoso-api-key}"),
    ],
)
def test_a_file_of_a_project_never_gets_the_key(
    desk: Desk, client: str, file: str, stands_for_it: str
) -> None:
    desk.environ["SENDOSO_API_KEY"] = KEY
    desk.run(client, project=True)
    text = (desk.cwd / file).read_text()
    assert KEY not in text
    assert stands_for_it in text
    assert "a path on this computer" in desk.said
    if os.name == "posix":
        assert stat.S_IMODE((desk.cwd / file).stat().st_mode) == 0o644
    assert not desk.file(client).exists()


def test_claude_desktop_has_no_projects(desk: Desk) -> None:
    assert "Leave out --project" in desk.refuses("claude-desktop", project=True)


def test_print_writes_nothing_and_shows_no_secret_of_anybody(desk: Desk) -> None:
    other = {"command": "npx", "env": {"TOKEN": "somebody-elses"}}
    ours = {"command": "/old/sendoso-mcp", "env": {"HTTPS_PROXY": "http://me:pass@proxy.test"}}
    desk.write("cursor", json.dumps({"mcpServers": {"other": other, "sendoso": ours}}))
    desk.environ["SENDOSO_API_KEY"] = KEY
    before = files_in(desk.home)
    desk.run("cursor", show_only=True, env={"SENDOSO_READ_ONLY": "true"})
    assert files_in(desk.home) == before
    (entry,) = json.loads(desk.printed)["mcpServers"].values()
    assert entry["command"] == PROGRAM
    assert entry["env"] == {"HTTPS_PROXY": "***", "SENDOSO_READ_ONLY": "true", "SENDOSO_API_KEY": "***"}
    assert "nothing was written" in desk.said
    desk.typed = ""
    desk.run("vscode", show_only=True)
    assert json.loads(desk.printed)["inputs"][0]["password"] is True
    assert desk.asked == 0
    desk.run("cursor", uninstall, show_only=True)
    assert "would be removed" in desk.printed
    assert files_in(desk.home) == before


BROKEN = {
    "no JSON": ('{"mcpServers": {\n  "a": {}\n  "b": {}\n}}', "line 3, column 3"),
    "comments where they are not allowed": ('{\n// mine\n"mcpServers": {}}', "line 2"),
    "a list": ("[]", "not a JSON object"),
    "servers that are a list": ('{"mcpServers": []}', '"mcpServers" is not an object'),
    "servers that are nothing": ('{"mcpServers": null}', '"mcpServers" is not an object'),
    "servers twice": ('{"mcpServers": {},\n "mcpServers": {}}', "lines 1 and 2"),
    "another encoding": ("\u00ff", "not UTF-8"),
    "ours under the other name": ('{"servers": {"s": {"command": "sendoso-mcp"}}}', "does not read"),
    "the name is another's": ('{"mcpServers": {"sendoso": {"command": "npx"}}}', "--name"),
    "the name is no server": ('{"mcpServers": {"sendoso": 7}}', "--name"),
    "arguments that are a text": (
        '{"mcpServers": {"a": {"command": "sendoso-mcp", "args": "--read-only"}}}',
        '"args" is not a list of texts',
    ),
    "arguments that are no texts": (
        '{"mcpServers": {"a": {"command": "sendoso-mcp", "args": ["--tools", null]}}}',
        '"args" is not a list of texts',
    ),
    "variables that are a list": (
        '{"mcpServers": {"a": {"command": "sendoso-mcp", "env": ["A=b"]}}}',
        '"env" is not an object',
    ),
    "several of ours": (
        '{"mcpServers": {"a": {"command": "sendoso-mcp"}, "b": {"command": "sendoso-mcp"}}}',
        '"a", "b"',
    ),
}


CAN_BE_TAKEN_OUT = {
    *("the name is another's", "the name is no server", "servers twice"),
    *("arguments that are a text", "arguments that are no texts", "variables that are a list"),
}
"""Or there is nothing of ours in them."""


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_cannot_be_changed_for_certain_is_left_alone(desk: Desk, what: str) -> None:
    text, says = BROKEN[what]
    path = desk.write("claude-desktop", text)
    if what == "another encoding":
        path.write_bytes(text.encode("utf-16"))
    before = files_in(desk.home)
    assert says in desk.refuses("claude-desktop")
    if what not in CAN_BE_TAKEN_OUT:
        assert says in desk.refuses("claude-desktop", what=uninstall)
    assert files_in(desk.home) == before


def test_arguments_and_variables_that_are_null_are_as_good_as_none(desk: Desk) -> None:
    entry = {"command": "sendoso-mcp", "args": None, "env": {"SENDOSO_API_KEY": None}}
    desk.write("cursor", json.dumps({"mcpServers": {"sendoso": entry}}))
    desk.environ["SENDOSO_API_KEY"] = KEY
    desk.run("cursor")
    assert desk.entries("cursor")["sendoso"] == {
        "command": PROGRAM,
        "args": [],
        "env": {"SENDOSO_API_KEY": KEY},
        "type": "stdio",
    }
    desk.environ.clear()
    desk.write("cursor", json.dumps({"mcpServers": {"sendoso": entry}}))
    desk.run("cursor")
    assert "It has no API key" in desk.said


def test_a_key_that_stands_as_the_default_of_a_variable_is_not_shown(desk: Desk) -> None:
    entry = {"command": PROGRAM, "env": {"SENDOSO_API_KEY": f"${{MY_KEY:-{KEY}}}", "A": "${B:-}"}}
    desk.write("claude-code", json.dumps({"mcpServers": {"sendoso": entry}}))
    desk.run("claude-code", show_only=True)
    shown = json.loads(desk.printed)["mcpServers"]["sendoso"]["env"]
    assert shown == {"SENDOSO_API_KEY": "***", "A": "${B:-}"}


def test_the_name_of_an_entry_plays_no_tricks_with_the_terminal(desk: Desk) -> None:
    desk.write("cursor", r'{"mcpServers": {"\u001b[31m\ud800": {"command": "sendoso-mcp"}}}')
    for what in (install, uninstall):
        desk.run("cursor", what)
        desk.said.encode()
        assert "\x1b" not in desk.said
    assert desk.entries("cursor") == {}


@pytest.mark.skipif(os.name != "posix", reason="there are no such files")
def test_a_pipe_or_a_device_in_the_files_place_is_left_alone(desk: Desk) -> None:
    path = desk.file("cursor")
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    assert "it is no ordinary file" in desk.refuses("cursor")
    path.unlink()
    path.symlink_to(os.devnull)
    assert "it is no ordinary file" in desk.refuses("cursor")
    assert path.is_symlink()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such lock")
def test_installs_at_once_lose_nothing_of_each_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.write("cursor", '{"mcpServers": {}}')
    replace, second = (
        Path.replace,
        threading.Thread(target=lambda: desk_of_another.refuses("cursor", name="b")),
    )
    desk_of_another = Desk(desk.home)

    def meanwhile(source: Path, target: Path) -> Path:
        if threading.current_thread() is not second:
            # The other one has read the file, and stands before the lock.
            second.start()
            second.join(0.3)
            assert second.is_alive()
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", meanwhile)
    desk.run("cursor", name="a")
    second.join()
    assert list(json.loads(path.read_text())["mcpServers"]) == ["a"]
    assert len(list(path.parent.iterdir())) == 2


@pytest.mark.parametrize("step", ["tempfile.mkstemp", "os.fsync", "pathlib.Path.replace"])
def test_an_interrupted_install_leaves_nothing_behind(
    desk: Desk, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("cursor", '{"mcpServers": {}}')
    before = files_in(desk.home)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        desk.run("cursor")
    monkeypatch.undo()
    assert files_in(desk.home) == before


def test_an_interruption_after_the_change_leaves_the_backup(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("cursor", '{"mcpServers": {}}')
    replace = Path.replace

    def interrupt(source: Path, target: Path) -> None:
        replace(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        desk.run("cursor")
    assert list(desk.entries("cursor")) == ["sendoso"]
    (backup,) = desk.backups("cursor")
    assert backup.read_text() == '{"mcpServers": {}}'


def test_a_home_that_cannot_be_found_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    assert main(["install", "cursor"]) == 2
    assert "Set HOME" in capsys.readouterr().err


def test_a_policy_of_a_user_who_is_not_there_is_said(desk: Desk) -> None:
    assert "whole path" in desk.refuses("cursor", env={"SENDOSO_POLICY_FILE": "~nobody-of-this-name/x"})


def test_a_second_server_is_added_under_a_name_that_is_asked_for(desk: Desk) -> None:
    desk.run("cursor")
    desk.run("cursor", name="sendoso-emea", env={"SENDOSO_READ_ONLY": "true"})
    assert list(desk.entries("cursor")) == ["sendoso", "sendoso-emea"]
    desk.run("cursor", uninstall, name="sendoso-emea")
    assert list(desk.entries("cursor")) == ["sendoso"]


def test_an_empty_file_is_as_good_as_none(desk: Desk) -> None:
    desk.write("claude-desktop", "\n")
    desk.run("claude-desktop")
    assert desk.entries("claude-desktop") == {"sendoso": {"command": PROGRAM}}


def test_a_link_is_followed_and_the_mode_stays(desk: Desk) -> None:
    real = desk.home / "dotfiles" / "cursor.json"
    real.parent.mkdir(parents=True)
    real.write_text('{"mcpServers": {}}')
    real.chmod(0o640)
    desk.file("cursor").parent.mkdir(parents=True)
    desk.file("cursor").symlink_to(real)
    desk.environ["SENDOSO_API_KEY"] = KEY
    desk.run("cursor")
    assert desk.file("cursor").is_symlink()
    assert "sendoso" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    (backup,) = real.parent.glob("*.bak")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640
    assert "Other users of this computer can read that file" in desk.said


def test_a_link_that_leads_nowhere_or_to_itself(desk: Desk) -> None:
    link = desk.file("cursor")
    link.parent.mkdir(parents=True)
    link.symlink_to(desk.home / "new" / "mcp.json")
    desk.run("cursor")
    assert json.loads((desk.home / "new" / "mcp.json").read_text())["mcpServers"]
    desk.file("claude-code").symlink_to(desk.file("claude-code"))
    desk.refuses("claude-code")


def test_a_read_only_file_is_said_and_nothing_is_lost(desk: Desk) -> None:
    path = desk.write("cursor", '{"mcpServers": {}}')
    path.chmod(0o444)
    before = files_in(desk.home)
    assert "is read-only" in desk.refuses("cursor")
    assert files_in(desk.home) == before


PUBLIC = ("--public-url", "https://sendoso-mcp.acme.com")
NOBODY = 65_534


@contextmanager
def home_of_nobody() -> Iterator[Desk]:
    """A home directory where even root, who runs tests in some places, may not do everything."""
    with tempfile.TemporaryDirectory() as home:
        root = os.geteuid() == 0
        if root:
            os.chown(home, NOBODY, NOBODY)
            os.setegid(NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Desk(Path(home))
        finally:
            if root:
                os.seteuid(0)
                os.setegid(0)


@pytest.mark.skipif(os.name != "posix", reason="modes mean something else there")
@pytest.mark.parametrize("there", [True, False])
def test_a_read_only_directory_is_said_and_nothing_is_lost(there: bool) -> None:
    with home_of_nobody() as desk:
        directory = desk.write("cursor", '{"mcpServers": {}}').parent
        if not there:
            desk.file("cursor").unlink()
        directory.chmod(0o555)
        before = files_in(desk.home)
        assert "cannot be written (Permission denied)" in desk.refuses("cursor")
        assert files_in(desk.home) == before
        directory.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="modes mean something else there")
def test_a_file_that_may_not_be_read_is_said() -> None:
    with home_of_nobody() as desk:
        desk.write("cursor", '{"mcpServers": {}}').chmod(0)
        assert "cannot be read (Permission denied)" in desk.refuses("cursor")
        desk.file("cursor").chmod(0o600)


@pytest.mark.parametrize("step", ["tempfile.mkstemp", "os.write", "os.fsync", "pathlib.Path.replace"])
def test_whatever_step_the_system_refuses_nothing_is_lost(
    desk: Desk, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("cursor", '{"mcpServers": {"a": {"command": "a"}}}')
    before = files_in(desk.home)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(step, refuse)
    assert "cannot be written (Permission denied)" in desk.refuses("cursor")
    monkeypatch.undo()
    assert files_in(desk.home) == before


def test_a_directory_that_is_a_file_is_said(desk: Desk) -> None:
    desk.home.mkdir()
    (desk.home / ".cursor").write_text("mine")
    assert "cannot be written" in desk.refuses("cursor")
    assert (desk.home / ".cursor").read_text() == "mine"


def test_what_another_program_writes_meanwhile_is_not_overwritten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.write("claude-code", '{"mcpServers": {}}')
    make = tempfile.mkstemp

    def meanwhile(*args: Any, **options: Any) -> Any:
        path.write_text('{"mcpServers": {}, "new": 1}')
        return make(*args, **options)

    monkeypatch.setattr(tempfile, "mkstemp", meanwhile)
    assert "was changed by another program just now" in desk.refuses("claude-code")
    assert files_in(desk.home) == {str(path): b'{"mcpServers": {}, "new": 1}'}


def test_two_changes_in_one_second_have_two_backups(desk: Desk) -> None:
    desk.write("cursor", '{"mcpServers": {}}')
    for value in ("true", "false", "true"):
        desk.run("cursor", env={"SENDOSO_READ_ONLY": value})
    assert len(desk.backups("cursor")) == 3


def test_a_policy_file_gets_its_whole_path_and_must_be_usable(desk: Desk) -> None:
    (desk.cwd / "policy.toml").write_text("[limits]\nper_send = 10\n")
    desk.run("cursor", env={"SENDOSO_POLICY_FILE": "policy.toml"})
    assert desk.entries("cursor")["sendoso"]["env"] == {"SENDOSO_POLICY_FILE": str(desk.cwd / "policy.toml")}
    before = files_in(desk.home)
    assert "SENDOSO_POLICY_FILE" in desk.refuses("cursor", env={"SENDOSO_POLICY_FILE": "gone.toml"})
    assert "SENDOSO_READ_ONLY" in desk.refuses("cursor", env={"SENDOSO_READ_ONLY": "perhaps"})
    assert "SENDOSO_API_KEY" in desk.refuses("cursor", env={"SENDOSO_BASE_URL": "https://x.example"})
    assert files_in(desk.home) == before


def test_settings_of_this_shell_that_the_client_will_not_have_are_named(desk: Desk) -> None:
    desk.environ |= {"SENDOSO_API_KEY": KEY, "SENDOSO_LEDGER_URL": "sqlite:////x", "SENDOSO_READ_ONLY": "1"}
    desk.run("cursor", env={"SENDOSO_READ_ONLY": "true"})
    assert "Set here but not in the entry: SENDOSO_LEDGER_URL." in desk.said


def test_uninstall_says_that_the_key_is_in_the_backup(desk: Desk) -> None:
    desk.environ["SENDOSO_API_KEY"] = KEY
    desk.run("cursor")
    desk.run("cursor", uninstall)
    assert desk.entries("cursor") == {}
    assert "delete the backup" in desk.said
    desk.file("cursor").unlink()
    assert desk.run("cursor", uninstall) == 0


def test_comments_in_cursors_file_stay_and_a_doubt_is_said(desk: Desk) -> None:
    path = desk.write("cursor", '{\n  // mine\n  "mcpServers": {}\n}\n')
    desk.run("cursor")
    assert "// mine" in path.read_text()
    assert "which Cursor may not accept" in desk.said


@pytest.mark.parametrize(
    "words",
    [
        ["--env", f"SENDOSO_API_KEY={KEY}"],
        ["--env", f"SENDOSO_LEDGER_URL=postgresql://me:{KEY}@db/gifts"],
        ["--env", f"SENDOSO_LEDGER_URL=postgresql://me@db/gifts?password={KEY}"],
        ["--env", "SENDOSO_POLICY=policy.toml"],
        ["--env", KEY],
        ["--name", "a b"],
    ],
)
def test_what_must_not_be_typed_is_refused_and_not_repeated(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["install", "cursor", *words])
    assert left.value.code == 2
    assert KEY not in capsys.readouterr().err


def test_the_command_installs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["install", "claude-desktop", "--print"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert Path(shown["mcpServers"]["sendoso"]["command"]).is_absolute()
    assert list(tmp_path.iterdir()) == []
    assert main(["install", "claude-desktop"]) == 0
    assert main(["uninstall", "claude-desktop"]) == 0
    (tmp_path / "Claude" / "claude_desktop_config.json").write_text("{")
    assert main(["install", "claude-desktop"]) == 2
    assert "line 1" in capsys.readouterr().err


class TestLaunch:
    @staticmethod
    def found(prefix: Path, **environ: str) -> Launch:
        return find_launch(environ, prefix=prefix, executable=prefix / "bin" / "python", platform="linux")

    @staticmethod
    def program(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    def test_an_installed_command_is_named_by_its_whole_path(self, tmp_path: Path) -> None:
        program = self.program(tmp_path / "venv" / "bin" / "sendoso-mcp")
        (tmp_path / "venv" / "CACHEDIR.TAG").write_text("uv puts one into every environment")
        assert self.found(tmp_path / "venv") == Launch(str(program))

    def test_without_the_command_this_python_runs_the_package(self, tmp_path: Path) -> None:
        python = str(tmp_path / "bin" / "python")
        assert self.found(tmp_path) == Launch(python, ("-m", "sendoso_mcp"))

    def test_out_of_uvs_cache_uvx_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sendoso_mcp.cli.install.launch._source", lambda: "")
        prefix = tmp_path / "store" / "archive-v0" / "abc"
        self.program(prefix / "bin" / "sendoso-mcp")
        (tmp_path / "store" / "CACHEDIR.TAG").write_text("")
        uvx = self.program(tmp_path / "tools" / "uvx")
        named = Launch(str(uvx), ("sendoso-mcp",))
        assert self.found(prefix, PATH=str(uvx.parent)) == named
        assert self.found(prefix, UV=str(uvx.with_name("uv"))) == named
        with pytest.raises(SettingsError, match="Install it"):
            self.found(prefix, PATH=str(tmp_path))
        pipx = self.program(tmp_path / "other" / "pipx")
        assert self.found(prefix, PATH=str(pipx.parent)) == Launch(str(pipx), ("run", "sendoso-mcp"))

    def test_what_was_run_from_a_file_is_run_from_that_file_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sendoso_mcp.cli.install.launch._source", lambda: "/dist/gifts.whl")
        prefix = tmp_path / ".cache" / "pipx" / "abc"
        pipx = self.program(tmp_path / "tools" / "pipx")
        assert self.found(prefix, PATH=str(pipx.parent)) == Launch(
            str(pipx), ("run", "--spec", "/dist/gifts.whl", "sendoso-mcp")
        )

    @pytest.mark.parametrize(
        ("command", "args", "own"),
        [
            ("/opt/sendoso-mcp", ["--read-only"], ("--read-only",)),
            ("uvx", ["--from", "sendoso_mcp.whl", "sendoso-mcp", "--tools", "a"], ("--tools", "a")),
            ("python", ["-m", "sendoso_mcp"], ()),
            (
                "/home/ann/sendoso-mcp/.venv/bin/python",
                ["-m", "sendoso_mcp", "--read-only"],
                ("--read-only",),
            ),
            ("/home/ann/sendoso-mcp/.venv/bin/sendoso-mcp", ["--read-only"], ("--read-only",)),
            ("npx", ["another"], ()),
            ("uvx", ["sendoso-mcp", "--public-url", "https://sendoso-mcp.acme.com"], PUBLIC),
            ("uvx", ["--from", "sendoso-mcp", "sendoso-mcp", *PUBLIC], PUBLIC),
            ("uvx", ["--offline", "sendoso-mcp@0.1.0", *PUBLIC], PUBLIC),
            ("uvx", ["/dist/sendoso_mcp-0.1.0-py3-none-any.whl", *PUBLIC], PUBLIC),
            (
                "pipx",
                ["run", "--spec", "git+https://code.test/sendoso-mcp.git", "sendoso-mcp", *PUBLIC],
                PUBLIC,
            ),
            (
                "uv",
                ["run", "--directory", "/home/ann/sendoso-mcp", "python", "-m", "sendoso_mcp", *PUBLIC],
                PUBLIC,
            ),
            (
                "docker",
                ["run", "-i", "-v", "sendoso-mcp:/data", "ghcr.io/acme/sendoso-mcp:1", *PUBLIC],
                PUBLIC,
            ),
            ("env", ["A=b", "/opt/sendoso-mcp", *PUBLIC], PUBLIC),
            ("sendoso-mcp serve --read-only", ["--tools", "a"], ("serve", "--read-only", "--tools", "a")),
        ],
    )
    def test_the_servers_own_arguments_are_told_from_those_that_start_it(
        self, command: str, args: list[str], own: tuple[str, ...]
    ) -> None:
        assert server_arguments(command, args) == own

    @pytest.mark.parametrize(
        ("command", "args"),
        [
            ("bash", ["-lc", "cd /srv && exec sendoso-mcp --read-only"]),
            ("A=b sendoso-mcp", []),
        ],
    )
    def test_arguments_that_cannot_be_told_are_not_dropped(
        self, command: str, args: list[str], tmp_path: Path
    ) -> None:
        desk = Desk(tmp_path / "home")
        entry = {"sendoso": {"command": command, "args": args}}
        desk.write("cursor", json.dumps({"mcpServers": entry}))
        assert "by hand" in desk.refuses("cursor")
        assert desk.entries("cursor") == entry
        desk.run("cursor", uninstall)
        assert desk.entries("cursor") == {}
