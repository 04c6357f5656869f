"""Reads and writes TFX artifacts for the components."""
