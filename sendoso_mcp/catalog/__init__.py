"""The inventory as something one can search and price, though Sendoso can only list it."""

from sendoso_mcp.catalog.catalog import Catalog
from sendoso_mcp.catalog.search import Filters, Found, search

__all__ = ["Catalog", "Filters", "Found", "search"]
