"""Segments photos and writes the results."""
