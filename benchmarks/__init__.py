"""Measurements: `make bench`, `make search-quality`, `make definitions`."""
