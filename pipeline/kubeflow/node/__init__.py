"""Runs one node of a compiled pipeline, on a cluster or emulated."""
