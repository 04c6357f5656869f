"""Segments photos and videos with a published model, and writes class maps and overlays."""
