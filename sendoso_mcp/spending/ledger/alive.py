"""Which processes that share a ledger file still run: each holds a lock, which ends with it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    _try = _lock
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _try(descriptor: int) -> None:
        # Shared, or two that look at once would each take the other for the process.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


class AliveFiles:
    """A directory with a locked file for each running process.

    Raises:
        OSError: the directory cannot be used.
    """

    def __init__(self, directory: Path, instance: str) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, exist_ok=True)
        self._own = directory / instance
        # Not inherited by child processes, which would keep the lock after this process has gone.
        self._descriptor = os.open(self._own, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        _lock(self._descriptor)

    def is_alive(self, instance: str) -> bool:
        """Whether the process of this name holds its lock. Its file is removed if it does not."""
        path = self._directory / instance
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError:  # such as too many open files: nothing is known of it then
            return True
        try:
            _try(descriptor)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        with suppress(OSError):
            path.unlink()
        return False

    def close(self) -> None:
        """Ends this process's own lock. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            with suppress(OSError):
                self._own.unlink()
