"""The inventory as something one can search and price, though Sendoso can only list it."""

from sendoso_mcp.catalog.cache_file import CacheFile
from sendoso_mcp.catalog.catalog import Answer, Catalog
from sendoso_mcp.catalog.filters import Filters, Miss
from sendoso_mcp.catalog.load import Standing

__all__ = ["Answer", "CacheFile", "Catalog", "Filters", "Miss", "Standing"]
