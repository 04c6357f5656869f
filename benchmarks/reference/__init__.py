"""Reimplementations of what a usual notebook does, for comparison."""
