"""Named points between two effects of a send, where a crash leaves one done and the other not.

Nothing happens at them, unless a test sets `hook`: it kills the process there, and looks at what is left.
A new boundary is one line in the code, and is tested by being there.
"""

from __future__ import annotations

from collections.abc import Callable

hook: Callable[[str], None] | None = None


def boundary(name: str) -> None:
    """Marks the moment between two effects."""
    if hook is not None:
        hook(name)
