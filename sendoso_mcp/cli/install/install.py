"""Changes a client's config: the entry of this server and, for VS Code, how it asks for the key."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sendoso_mcp.cli.clients import ConfigFile, Server, parse
from sendoso_mcp.cli.install import files, jsonc
from sendoso_mcp.cli.install.entry import (
    DEFAULT_NAME,
    absolute,
    check,
    check_shape,
    fields,
    masked,
    our_entry,
)
from sendoso_mcp.cli.install.launch import Launch
from sendoso_mcp.cli.install.places import ASKED_FOR, CLIENTS, INPUT, KEY, Client, config_file
from sendoso_mcp.cli.output import cell
from sendoso_mcp.errors import SettingsError

_BOM = b"\xef\xbb\xbf"
_ASKS = f"${{input:{INPUT}}}"


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for; `env` are variables for the server."""

    client: str
    project: bool = False
    name: str | None = None
    env: Mapping[str, str] | None = None
    show_only: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is around the command.

    `ask` asks the person for the key without showing it; None where nobody can be asked. What was found and
    done is told on `told`; with `--print` only the entry is on `out`.
    """

    environ: Mapping[str, str]
    home: Path
    cwd: Path
    platform: str
    launch: Callable[[], Launch]
    ask: Callable[[str], str] | None
    out: TextIO
    told: TextIO


@dataclass(frozen=True, slots=True)
class _Config:
    """A client's config file as it is."""

    file: ConfigFile
    old: bytes | None
    text: str
    content: Mapping[str, Any]


def install(request: Request, around: Surroundings) -> int:
    """Adds the server to a client's config, or brings its entry up to date; gives the exit status.

    Raises:
        SettingsError: it cannot be done; the file is as it was.
    """
    client = CLIENTS[request.client]
    config = _read(client, request, around)
    entry = our_entry(config.file, config.content, request.name)
    if entry is not None:
        check_shape(config.file, config.content, entry.name)
    launch = around.launch()
    given = {name: absolute(name, value, around.cwd) for name, value in (request.env or {}).items()}
    key, about_key = _key(client, request, entry, around)
    changes = {**given, **({KEY: key} if key else {})}
    env = {**(entry.env if entry else {}), **changes}
    check(env)
    new = fields(client, launch, entry, changes)
    if entry is not None and "args" in config.content[config.file.key][entry.name]:
        new.setdefault("args", [])
    name = entry.name if entry else request.name or DEFAULT_NAME
    text, expected = _with_entry(config, name, new)
    if request.show_only:
        _show(config, name, masked(new, env, given), around)
        return 0
    tell = _teller(around)
    backup = _save(config, text, expected)
    if config.old is not None and text == config.text:
        tell(
            f'{config.file.label} has the server "{cell(name)}" already as it should be; nothing was written.'
        )
        return 0
    what = "was changed" if entry else "was added"
    tell(f'{config.file.label}: the server "{cell(name)}" {what}. It runs {launch.shown}')
    tell(about_key)
    if config.old is None:
        tell(f"There was no such file, so it was made. If {client.name} is elsewhere, it will not see it.")
    _tell_backup(backup, tell)
    if request.project:
        tell("The command in it is a path on this computer: colleagues who get the file need their own.")
    if client.doubtful and _has_comments(text):
        tell(f"The file has comments or trailing commas, which {client.name} may not accept.")
    if KEY in env and not env[KEY].startswith("${") and files.others_can_read(config.file.path):
        tell("Other users of this computer can read that file, and so the key: chmod 600 mends that.")
    _tell_not_copied(env, around, tell)
    tell(f"{client.reload} `sendoso-mcp doctor` checks it.")
    return 0


def uninstall(request: Request, around: Surroundings) -> int:
    """Takes the server out of a client's config; gives the exit status.

    Raises:
        SettingsError: it cannot be done; the file is as it was.
    """
    client = CLIENTS[request.client]
    config = _read(client, request, around)
    tell = _teller(around)
    entry = our_entry(config.file, config.content, request.name) if config.old is not None else None
    if entry is None:
        tell(f"{config.file.label} has no such server; nothing was written.")
        return 0
    text, expected = _without_entry(config, entry.name)
    if request.show_only:
        print(f'{config.file.label}: the server "{cell(entry.name)}" would be removed.', file=around.out)
        return 0
    backup = _save(config, text, expected)
    tell(f'{config.file.label}: the server "{cell(entry.name)}" was removed.')
    _tell_backup(backup, tell)
    if KEY in entry.env and not entry.env[KEY].startswith("${"):
        tell("The API key was in that entry, so it is in the backup: delete the backup when you are content.")
    return 0


def _read(client: Client, request: Request, around: Surroundings) -> _Config:
    file = config_file(
        client,
        around.environ,
        project=request.project,
        home=around.home,
        cwd=around.cwd,
        platform=around.platform,
    )
    old = files.read(file.path, file.label)
    try:
        text = (old or b"").removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError(
            f"{file.label} is not UTF-8 text. Nothing was changed. Save it again as UTF-8."
        ) from None
    try:
        return _Config(file, old, text, parse(file, text) if text.strip() else {})
    except SettingsError as error:
        raise SettingsError(f"{error} Nothing was changed.") from None


def _key(client: Client, request: Request, entry: Server | None, around: Surroundings) -> tuple[str, str]:
    """What to write for the key (nothing: leave it as it is), and what to tell about that."""
    here = around.environ.get(KEY, "").strip()
    present = entry.env.get(KEY, "").strip() if entry else ""
    if present.startswith("${") or (entry is not None and entry.env_file and not present):
        return "", "Where its API key comes from was left as it is."
    if client.asks:
        return client.shared_key, f"{client.name} asks for the API key when it first starts the server."
    if request.project:
        return client.shared_key, (
            f"The API key is not in the file, which others may see: set {KEY} where {client.name} is started."
        )
    if here:
        return here, "The API key is that of SENDOSO_API_KEY; it is in that file as plain text."
    if present:
        return "", "The API key in it was left as it is."
    typed = ""
    if around.ask is not None and not request.show_only:
        typed = around.ask(
            "Sendoso API key (nothing: use the embedded sandbox, which sends no gifts): "
        ).strip()
    if typed:
        return typed, "The API key is in that file as plain text."
    return "", (
        "It has no API key, so it uses the embedded sandbox: nothing is really sent. To use yours, run this "
        "again in a terminal, or with SENDOSO_API_KEY set."
    )


def _with_entry(config: _Config, name: str, new: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text with the entry, and what it must say: the same change made on what was parsed."""
    path = (config.file.key, name)
    expected = json.loads(json.dumps(config.content))
    entries = expected.setdefault(config.file.key, {})
    text = config.text
    try:
        if name not in entries:
            entries[name] = dict(new)
            text = jsonc.put(text, path, new)
        for field, value in new.items():
            old = entries[name].get(field)
            if field == "env" and isinstance(old, dict):
                for variable in [variable for variable in value if old.get(variable) != value[variable]]:
                    text = jsonc.put(text, (*path, field, variable), value[variable])
                    old[variable] = value[variable]
            elif old != value:
                text = jsonc.put(text, (*path, field), value)
                entries[name][field] = value
        inputs = expected.get("inputs")
        known = any(_is_ours(each) for each in (inputs if isinstance(inputs, list) else ()))
        if _ASKS in json.dumps(entries[name]) and not known:
            text = jsonc.append(text, ("inputs",), dict(ASKED_FOR))
            expected.setdefault("inputs", []).append(dict(ASKED_FOR))
    except jsonc.Unclear as unclear:
        raise SettingsError(f"{config.file.label}: {unclear}. Nothing was changed. Correct it.") from None
    return text, expected


def _without_entry(config: _Config, name: str) -> tuple[str, dict[str, Any]]:
    expected = json.loads(json.dumps(config.content))
    del expected[config.file.key][name]
    try:
        text = jsonc.drop(config.text, (config.file.key, name))
        inputs = expected.get("inputs")
        if isinstance(inputs, list) and _ASKS not in text:
            for number in [n for n, each in enumerate(inputs) if _is_ours(each)][::-1]:
                text = jsonc.drop_element(text, ("inputs",), number)
                del inputs[number]
    except jsonc.Unclear as unclear:
        raise SettingsError(f"{config.file.label}: {unclear}. Nothing was changed. Correct it.") from None
    return text, expected


def _is_ours(question: Any) -> bool:
    return isinstance(question, dict) and question.get("id") == INPUT


def _save(config: _Config, text: str, expected: Mapping[str, Any]) -> Path | None:
    """Writes the text if it is new, after reading it the way the client will."""
    if parse(config.file, text) != expected:
        raise SettingsError(
            f"{config.file.label} could not be changed without changing more than was meant. Nothing was "
            "changed. Add by hand what --print shows, and please report this file's layout as a defect."
        )
    if config.old is not None and text == config.text:
        return None
    mark = _BOM if (config.old or b"").startswith(_BOM) else b""
    try:
        new = mark + text.encode("utf-8")
    except UnicodeEncodeError:
        raise SettingsError(
            "A path or value has bytes in it that are no text, so no config file can hold it. "
            "Nothing was changed."
        ) from None
    file = config.file
    return files.write(file.path, file.label, old=config.old, new=new, private=not file.project)


def _show(config: _Config, name: str, shown: Mapping[str, Any], around: Surroundings) -> None:
    """The entry as JSON on `out`, with nothing in it of what else the file holds."""
    document: dict[str, Any] = {config.file.key: {name: shown}}
    if _ASKS in json.dumps(shown):
        document["inputs"] = [dict(ASKED_FOR)]
    path = config.file.path
    would = f"{path} would be made with this" if config.old is None else f"This would be put into {path}"
    print(f"{would}; nothing was written.", file=around.told)
    print(json.dumps(document, indent=2, ensure_ascii=False), file=around.out)


def _has_comments(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def _teller(around: Surroundings) -> Callable[[str], None]:
    return lambda text: print(text, file=around.told)


def _tell_backup(backup: Path | None, tell: Callable[[str], None]) -> None:
    if backup is not None:
        tell(f"What was there before is in {backup}")


def _tell_not_copied(env: Mapping[str, str], around: Surroundings, tell: Callable[[str], None]) -> None:
    """Variables that this shell has and the client will not."""
    here = sorted(name for name, value in around.environ.items() if name.startswith("SENDOSO_") and value)
    missing = [name for name in here if name not in env and name != KEY]
    if missing:
        tell(f"Set here but not in the entry: {', '.join(missing)}. Add what it needs with --env NAME=VALUE.")
