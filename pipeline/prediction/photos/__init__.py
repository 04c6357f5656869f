"""Segments photos."""
