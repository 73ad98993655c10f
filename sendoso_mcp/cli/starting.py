"""Which word of an entry in a client's config is this program, whatever launcher starts it."""

from __future__ import annotations

import re
from collections.abc import Sequence

_OURS = ("sendoso-mcp", "sendoso_mcp")
# As a command, a module, a package with its version, an image, an archive.
_PROGRAM = re.compile(
    r"sendoso[-_]mcp(-\S+\.(whl|tar\.gz))?(\[[^\]]*\])?(\.[\w.]+)?(([=@:~<>!]+)\S+)?", re.IGNORECASE
)
_LAUNCHERS = re.compile(
    r"(uvx?|pipx|pythonw?[\d.]*|py|docker|podman|bash|sh|zsh|cmd|env|wsl|run|tool|x|exec)(\.exe|\.cmd)?"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
# Options whose value may have our name in it and is not what is started.
_WITH_VALUE = frozenset(
    "--from --with --with-editable --with-requirements --spec --directory --project --python -p --index "
    "--index-url --default-index --extra-index-url --find-links --env-file --name --network --volume -v "
    "--mount --env -e --label -l --workdir -w --hostname --cd -d --distribution".split()
)
_FLAGS = frozenset(
    "-y --yes -i -t -it -ti --rm --init -q --quiet -qq --offline --isolated -n --no-cache --refresh".split()
)
"""Options that are known to have none; of others the next word may be the value."""


def names_us(word: str) -> bool:
    """Whether a word has this program's name in it."""
    return any(name in word for name in _OURS)


def last_part(command: str) -> str:
    """A path's last part, with either slash."""
    return re.split(r"[/\\]", command)[-1]


def is_ours(command: str) -> bool:
    """Whether a command is this program itself. A checkout has its name too, and other programs in it."""
    return names_us(last_part(command))


def program_at(args: Sequence[str]) -> int | None:
    """The number of the argument of a launcher that is this program, or a shell's line with it.

    None if it starts something else: that may well be told of a directory or a server with our name.
    """
    option = ""
    for number, word in enumerate(args):
        before, option = option, ""
        if before in _WITH_VALUE:
            continue
        if word.startswith("-") or word.casefold() == "/c":
            option = "" if word in _FLAGS else word
        elif _PROGRAM.fullmatch(last_part(word)) or (" " in word and names_us(word)):
            return number
        elif not (before or _ASSIGNMENT.fullmatch(word) or _LAUNCHERS.fullmatch(last_part(word))):
            return None
    return None
