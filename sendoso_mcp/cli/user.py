"""Who sits at this computer, as far as it knows."""

from __future__ import annotations

import getpass


def user_name() -> str:
    """The name of the user that runs this process; empty where there is none, as in some containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
