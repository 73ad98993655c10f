"""Measurements. Each module prints its own."""
