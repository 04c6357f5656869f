"""Segments the frames of videos and writes the overlays as videos."""
