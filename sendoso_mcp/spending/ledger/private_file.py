"""Files that nobody but the user can read."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def make_private(path: Path) -> None:
    """Makes the file, and its directory if need be, so that nobody but the user can read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A file that is there is not opened: to close it again would take away the locks that SQLite holds on it
    # elsewhere in this process (https://sqlite.org/howtocorrupt.html, 2.2).
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    if sys.platform != "win32" and path.stat().st_uid == os.getuid():
        path.chmod(0o600)
