"""Segments the frames of videos."""
