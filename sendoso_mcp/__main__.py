"""`python -m sendoso_mcp` is `sendoso-mcp`."""

import sys

from sendoso_mcp.cli import main

if __name__ == "__main__":
    sys.exit(main())
