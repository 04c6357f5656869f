"""Experiments: several trainings of several networks, summarized on one page."""
