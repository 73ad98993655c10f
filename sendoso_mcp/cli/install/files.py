"""Replaces a person's file so that nothing can be lost: a backup beside it, then one atomic step."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from sendoso_mcp.errors import SettingsError

_NOTHING_CHANGED = "Nothing was changed."


def read(path: Path, label: str) -> bytes | None:
    """What is in a file; None where there is none.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            # A pipe would be waited for, and a device replaced by a file.
            raise OSError(errno.EINVAL, "it is no ordinary file")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsError(
            f"{label} cannot be read ({_why(error)}). {_NOTHING_CHANGED} Check what it is and who may see it."
        ) from None


def write(path: Path, label: str, *, old: bytes | None, new: bytes, private: bool = True) -> Path | None:
    """Puts `new` where `old` is, and gives the path of the backup; None where there was no file.

    A link is followed, and what it leads to keeps its mode and owner.

    Args:
        path: the file.
        label: how a message names it.
        old: what was read from it; it is not touched if it has changed since.
        new: what it shall hold.
        private: whether a new file is for this user alone, as one that may hold a key.

    Raises:
        SettingsError: it is read-only, has changed meanwhile, or cannot be written; it is as it was.
    """
    temporary = backup = None
    try:
        # What a link leads to is replaced, not the link.
        real = path.resolve()
        if old is None:
            real.parent.mkdir(parents=True, exist_ok=True)
            mode, owner = 0o600 if private else 0o644, None
        else:
            there = real.stat()
            mode, owner = stat.S_IMODE(there.st_mode), (there.st_uid, there.st_gid)
            # Renaming would not ask for the file's own permission.
            if not mode & 0o222 or not os.access(real, os.W_OK):
                raise SettingsError(
                    f"{label} is read-only. {_NOTHING_CHANGED} Make it writable, or let whoever manages it "
                    "add what --print shows."
                )
            backup = _backup(real, old, mode)
        temporary = _temporary(real, new, mode, owner)
        with _alone(real.parent):
            if read(real, label) != old:
                raise SettingsError(
                    f"{label} was changed by another program just now. {_NOTHING_CHANGED} Close that program "
                    "if you can, and run this again."
                )
            temporary.replace(real)
    except (OSError, RuntimeError, SettingsError, KeyboardInterrupt) as error:
        # Once it has taken its place, the backup is what is left of the old file.
        if temporary is None or temporary.exists():
            for leftover in (temporary, backup):
                if leftover is not None:
                    with suppress(OSError):
                        leftover.unlink()
        if isinstance(error, SettingsError | KeyboardInterrupt):
            raise
        raise SettingsError(
            f"{label} cannot be written ({_why(error)}). {_NOTHING_CHANGED} Check who may write it and its "
            "directory, and that no program has it open."
        ) from None
    _sync_directory(real.parent)
    return backup


def others_can_read(path: Path) -> bool:
    """Whether other users of this computer may read a file, as far as its mode says."""
    try:
        return os.name == "posix" and bool(path.stat().st_mode & 0o044)
    except OSError:
        return False


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keeps another install out between the last look at a file and its replacement, where locks work."""
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    handle = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _backup(real: Path, content: bytes, mode: int) -> Path:
    """A copy beside the file, under a name that nothing has yet."""
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    for number in range(1, 1_000):
        path = real.with_name(f"{real.name}.{stamp}{'' if number == 1 else f'-{number}'}.bak")
        try:
            # Never wider than the original, not even for a moment.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            continue
        try:
            with open(handle, "wb") as file:  # noqa: PTH123 - it is open already
                _fill(file.fileno(), content)
        except (OSError, KeyboardInterrupt):
            path.unlink()
            raise
        return path
    raise FileExistsError(real)


def _temporary(real: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> Path:
    """The new content on disk, beside the file that it shall replace."""
    handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    path = Path(name)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - it is open already
            _fill(file.fileno(), content)
        if owner is not None and hasattr(os, "chown") and owner != (os.getuid(), os.getgid()):
            with suppress(OSError):
                os.chown(path, *owner)
        path.chmod(mode)
    except (OSError, KeyboardInterrupt):
        path.unlink()
        raise
    return path


def _fill(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
    os.fsync(handle)


def _sync_directory(directory: Path) -> None:
    if os.name == "posix":
        with suppress(OSError):
            handle = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
