"""Corporate gifting through Sendoso for AI assistants, as a Model Context Protocol server."""

__version__ = "0.1.0"
