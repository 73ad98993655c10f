from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from sendoso_mcp.cli.clients import ConfigFile, Server, config_files, find_program, how_to_start, read_servers
from sendoso_mcp.errors import SettingsError

OURS = {"command": "sendoso-mcp"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "shop"
    path.mkdir(parents=True)
    return path


def written(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def places(home: Path, cwd: Path, platform: str, **environ: str) -> list[tuple[str, Path]]:
    return [(file.client, file.path) for file in config_files(environ, home=home, cwd=cwd, platform=platform)]


def server(command: str, *args: str, **env: str) -> Server:
    return Server(name="gifts", command=command, args=args, env=env, env_file=False)


@pytest.mark.parametrize(
    ("platform", "settings"),
    [
        ("darwin", "Library/Application Support"),
        ("win32", "AppData/Roaming"),
        ("linux", ".config"),
    ],
)
def test_clients_keep_their_files_where_the_platform_wants_them(
    home: Path, cwd: Path, platform: str, settings: str
) -> None:
    assert places(home, cwd, platform) == [
        ("Claude Desktop", home / settings / "Claude" / "claude_desktop_config.json"),
        ("Claude Code", home / ".claude.json"),
        ("Claude Code", cwd / ".mcp.json"),
        ("Cursor", home / ".cursor" / "mcp.json"),
        ("Cursor", cwd / ".cursor" / "mcp.json"),
        ("VS Code", home / settings / "Code" / "User" / "mcp.json"),
        ("VS Code", cwd / ".vscode" / "mcp.json"),
    ]


@pytest.mark.parametrize(("platform", "name"), [("win32", "APPDATA"), ("linux", "XDG_CONFIG_HOME")])
def test_the_environment_moves_the_settings_of_programs(
    home: Path, cwd: Path, tmp_path: Path, platform: str, name: str
) -> None:
    found = places(home, cwd, platform, **{name: str(tmp_path / "moved")})
    assert ("VS Code", tmp_path / "moved" / "Code" / "User" / "mcp.json") in found
    assert found[0] == ("Claude Desktop", tmp_path / "moved" / "Claude" / "claude_desktop_config.json")


def test_claude_desktop_from_the_microsoft_store_has_a_file_of_its_own(home: Path, cwd: Path) -> None:
    package = home / "AppData" / "Local" / "Packages" / "Claude_pzs8sxrjxfjjc"
    package.mkdir(parents=True)
    private, documented, *_ = config_files({}, home=home, cwd=cwd, platform="win32")
    assert private.path == package / "LocalCache" / "Roaming" / "Claude" / "claude_desktop_config.json"
    assert private.instead_reads == ""
    assert documented.instead_reads == private.shown


def test_paths_are_shown_from_home_or_from_here(home: Path, cwd: Path) -> None:
    shown = [file.shown for file in config_files({}, home=home, cwd=cwd, platform="linux")]
    assert shown[1:3] == [f"~{os.sep}.claude.json", f".{os.sep}.mcp.json"]
    assert str(home) not in " ".join(shown)


def test_a_file_that_is_both_personal_and_of_the_project_is_one_place(home: Path) -> None:
    found = [path for client, path in places(home, home, "linux") if client == "Cursor"]
    assert found == [home / ".cursor" / "mcp.json"]


def test_a_missing_file_is_none(cwd: Path) -> None:
    file = ConfigFile("Cursor", cwd / "no" / "mcp.json", "mcp.json")
    assert read_servers(file, cwd=cwd) is None


def test_servers_are_read_leniently(cwd: Path) -> None:
    content = {
        "mcpServers": {
            "gifts": {"command": "uvx", "args": ["sendoso-mcp", 1], "env": {"A": 1}, "envFile": ".env"},
            "remote": {"url": "https://example.com/mcp"},
            "odd": {"command": ["x"], "args": "y", "env": None},
            "odder": "sendoso-mcp",
        }
    }
    file = ConfigFile("Cursor", written(cwd / "mcp.json", content), "mcp.json")
    assert read_servers(file, cwd=cwd) == (
        Server(name="gifts", command="uvx", args=("sendoso-mcp", "1"), env={"A": "1"}, env_file=True),
        Server(name="remote", command="", args=(), env={}, env_file=False),
        Server(name="odd", command="", args=(), env={}, env_file=False),
    )


@pytest.mark.parametrize("content", ["{}", '{"mcpServers": {}}', '\ufeff{"mcpServers": {}}', '{"theme": 1}'])
def test_a_file_may_name_no_server(cwd: Path, content: str) -> None:
    file = ConfigFile("Cursor", written(cwd / "mcp.json", content), "mcp.json")
    assert read_servers(file, cwd=cwd) == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"mcpServers": {\n  "a": {}\n  "b": {}\n}}', r"mcp.json is not valid JSON \(line 3, column 3: "),
        ("", r"not valid JSON \(line 1"),
        ('{"mcpServers": {}} // mine', "not valid JSON"),
        ("[]", "not a JSON object"),
        ('{"mcpServers": []}', '"mcpServers" is not an object'),
        ('{"servers": {"gifts": {"command": "sendoso-mcp"}}}', 'under "servers", which Cursor does not read'),
        ("[" * 100_000, r"cannot be read as JSON \(RecursionError\)"),
        (f'{{"a": {"1" * 5000}}}', r"cannot be read as JSON \(ValueError\)"),
    ],
)
def test_a_broken_file_says_what_is_wrong_and_where(cwd: Path, content: str, says: str) -> None:
    file = ConfigFile("Cursor", written(cwd / "mcp.json", content), "mcp.json")
    with pytest.raises(SettingsError, match=f"^Cursor: .*{says}"):
        read_servers(file, cwd=cwd)


def test_a_file_in_another_encoding_or_unreadable_is_told(cwd: Path) -> None:
    (cwd / "mcp.json").write_bytes('{"name": "Zoë"}'.encode("utf-16"))
    with pytest.raises(SettingsError, match="not UTF-8"):
        read_servers(ConfigFile("Cursor", cwd / "mcp.json", "mcp.json"), cwd=cwd)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_servers(ConfigFile("Cursor", cwd, "mcp.json"), cwd=cwd)


COMMENTED = """
// my servers
{
  /* two
     lines */
  "servers": {
    "gifts": {
      "command": "/opt//bin/sendoso-mcp", // not "a comment" before
      "args": ["serve", "/* , ] */",],
    },
  },
}
"""


def test_comments_and_trailing_commas_are_fine_where_the_client_takes_them(cwd: Path) -> None:
    path = written(cwd / "mcp.json", COMMENTED)
    found = read_servers(ConfigFile("VS Code", path, "mcp.json", key="servers", comments=True), cwd=cwd)
    assert found == (
        Server("gifts", "/opt//bin/sendoso-mcp", ("serve", "/* , ] */"), env={}, env_file=False),
    )


@pytest.mark.parametrize("content", ["", "// nothing yet\n"])
def test_an_empty_file_is_fine_where_comments_are(cwd: Path, content: str) -> None:
    path = written(cwd / "mcp.json", content)
    assert read_servers(ConfigFile("VS Code", path, "mcp.json", key="servers", comments=True), cwd=cwd) == ()


def test_comments_do_not_move_the_line_of_an_error(cwd: Path) -> None:
    path = written(cwd / "mcp.json", '// one\n/* two\nthree */\n{"servers": {]}')
    with pytest.raises(SettingsError, match="line 4"):
        read_servers(ConfigFile("VS Code", path, "mcp.json", key="servers", comments=True), cwd=cwd)


def test_claude_code_keeps_servers_of_single_projects_too(cwd: Path) -> None:
    content = {
        "mcpServers": {"everywhere": OURS},
        "projects": {
            str(cwd): {"mcpServers": {"here": OURS}},
            str(cwd.parent): {"mcpServers": {"above": OURS}},
            str(cwd / "deeper"): {"mcpServers": {"elsewhere": OURS}},
            "odd": None,
        },
    }
    path = written(cwd / ".claude.json", content)
    found = read_servers(ConfigFile("Claude Code", path, "x", per_project=True), cwd=cwd)
    assert [server.name for server in found or ()] == ["everywhere", "here", "above"]


@pytest.mark.parametrize(
    ("command", "args", "ours"),
    [
        ("/opt/bin/sendoso-mcp", (), True),
        ("uvx", ("sendoso-mcp",), True),
        ("python", ("-m", "sendoso_mcp"), True),
        ("npx", ("-y", "another-server"), False),
        ("", (), False),
        ("/home/ann/sendoso-mcp/.venv/bin/python", ("-m", "sendoso_mcp"), True),
        ("/home/ann/sendoso-mcp/.venv/bin/python", ("-m", "another"), False),
        ("npx", ("-y", "@mcp/server-filesystem", "/home/ann/sendoso-mcp"), False),
        ("uvx", ("mcp-server-git", "--repository", "/home/ann/sendoso-mcp"), False),
        ("npx", ("-y", "mcp-remote", "https://sendoso-mcp.acme.com/mcp"), False),
        ("uvx", ("--from", "/home/ann/sendoso-mcp", "another"), False),
        ("docker", ("run", "-i", "--rm", "-v", "/home/ann/sendoso-mcp", "mcp/git"), False),
        ("docker", ("run", "-i", "--rm", "ghcr.io/acme/sendoso-mcp:1.0"), True),
        ("uv", ("--directory", "/home/ann/sendoso-mcp", "run", "sendoso-mcp"), True),
        ("bash", ("-c", "cd /srv && sendoso-mcp"), True),
    ],
)
def test_our_server_is_known_by_its_command_or_arguments(
    command: str, args: tuple[str, ...], ours: bool
) -> None:
    assert server(command, *args).ours is ours


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("/Users/me/My Apps/bin/sendoso-mcp", "/Users/me/My Apps/bin/sendoso-mcp"),
        (r"C:\venv\Scripts\python.exe", r"C:\venv\Scripts\python.exe"),
        ("python3.12", "python3.12"),
        ("sk_live_0123456789", "its command"),
        ("SENDOSO_API_KEY=0123456789 /opt/bin/sendoso-mcp", "its command"),
    ],
)
def test_a_command_is_shown_only_if_it_cannot_be_a_secret(command: str, shown: str) -> None:
    assert server(command).shown_command == shown


@pytest.fixture
def program(cwd: Path) -> Path:
    path = written(cwd / "bin" / "sendoso-mcp", "#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="programs have other names there")
def test_a_program_is_found_by_path_and_by_name(cwd: Path, program: Path) -> None:
    def found(command: str, path: str = "", **env: str) -> str | None:
        return find_program(server(command, **env), environ={"PATH": path}, cwd=cwd)

    assert found(str(program)) == str(program)
    assert found("bin/sendoso-mcp") == str(program)
    assert found("sendoso-mcp") is None
    assert found("sendoso-mcp", path=str(program.parent)) == str(program)
    assert found("sendoso-mcp", PATH=str(program.parent)) == str(program)
    assert found(str(program.parent)) is None
    program.chmod(0o644)
    assert found(str(program)) is None


def test_advice_fits_the_command(tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "arguments into" in how_to_start("sendoso-mcp serve")
    assert "Install it" in how_to_start("uvx")
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.setattr(sys, "platform", "linux")
    assert how_to_start("/gone/sendoso-mcp") == f'Set "command" to {program}'
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert "Install it" in how_to_start("/gone/sendoso-mcp")
