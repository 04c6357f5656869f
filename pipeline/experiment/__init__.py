"""Experiments: several trainings of several networks, ending in one page."""
