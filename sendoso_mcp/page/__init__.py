"""The approval page: where a person decides outside the chat, with a PIN that the model does not have.

`create_page` is the app over a `Desk`, `beside` puts it beside another app, and `listener` serves it on
loopback where there is no web server yet. It has no script, asks no other origin for anything, and keeps
nothing but which forms were sent. An approval orders nothing: the assistant must call again.
"""

from __future__ import annotations

from sendoso_mcp.page.app import beside, create_page

__all__ = ["beside", "create_page"]
