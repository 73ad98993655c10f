"""Puts this server into a client's config, and takes it out again: `sendoso-mcp install` and `uninstall`."""
