"""Keeps the catalogue on disk from one start to the next."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
import stat
import time
from pathlib import Path

log = logging.getLogger(__name__)

_MAGIC = b"sendoso-mcp catalogue\n"
_LARGEST = 1 << 30
"""Bytes; some three million gifts."""
_FORGOTTEN_AFTER = 90 * 86_400.0
"""Seconds after which the file of an account that is not used any more is removed."""


class CacheFile:
    """One file, for its user alone, replaced as a whole: several processes may use it at the same time.

    It is a convenience: whatever is wrong with it, it is as good as none. Nothing is ever charged by it.

    Args:
        path: the file; its directory is made if need be.
        made_with: what its content must have been made with to be of use.
    """

    def __init__(self, path: Path, made_with: str) -> None:
        self._path = path
        self._mark = _MAGIC + hashlib.sha256(made_with.encode()).digest()

    def read(self) -> bytes | None:
        """What was kept; None if there is nothing that can be used."""
        try:
            # Not through a link, and not waiting for the other end of a pipe.
            file = os.open(
                self._path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            )
            with os.fdopen(file, "rb") as stream:
                if not _private(os.fstat(file)):
                    log.warning("the catalogue's cache is not private to this user and is not used")
                    return None
                head = stream.read(len(self._mark))
                digest = stream.read(hashlib.sha256().digest_size)
                content = stream.read() if head == self._mark else b""
        except FileNotFoundError:
            return None
        except (OSError, MemoryError) as error:
            log.warning("the catalogue's cache cannot be read (%s)", type(error).__name__)
            return None
        if head != self._mark or hashlib.sha256(content).digest() != digest:
            log.info("the catalogue's cache is damaged or of another version, and will be made anew")
            return None
        return content

    def write(self, content: bytes) -> None:
        """Replaces the file. If that fails, the last one stays."""
        directory = self._path.parent
        temporary = directory / f".{self._path.name}.{secrets.token_hex(8)}"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
            try:
                with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
                    stream.write(self._mark + hashlib.sha256(content).digest())
                    stream.write(content)
                temporary.replace(self._path)
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink()
            self._forget_others()
        except OSError as error:
            log.warning("the catalogue cannot be kept on disk (%s)", type(error).__name__)

    def _forget_others(self) -> None:
        """Removes what was left by keys that are not used any more, and by processes that were killed."""
        now = time.time()
        for path in self._path.parent.glob("*catalogue-*"):
            keep = 3600 if path.name.startswith(".") else _FORGOTTEN_AFTER
            with contextlib.suppress(OSError):
                if now - path.stat().st_mtime > keep:
                    path.unlink()


def _private(status: os.stat_result) -> bool:
    """Whether it is a plain file that only this user can have written."""
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
        return False
    return os.name == "nt" or (status.st_uid == os.getuid() and not status.st_mode & 0o077)
