"""HTML that is escaped unless it was built here."""

from __future__ import annotations

from html import escape

_VOID = frozenset({"br", "input", "meta"})


class Html(str):
    """Markup. Any other string is text, and is escaped on its way into one."""

    __slots__ = ()


def el(tag: str, *children: str, **attributes: str | bool) -> Html:
    """An element. Attributes: `class_` is `class`, `aria_x` is `aria-x`, True is bare, False is absent."""
    opened = "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(value)}"')
        for name, value in attributes.items()
        if value is not False
    )
    if tag in _VOID:
        return Html(f"<{tag}{opened}>")
    return Html(f"<{tag}{opened}>{join(*children)}</{tag}>")


def join(*parts: str) -> Html:
    """Parts in a row."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))
