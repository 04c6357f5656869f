"""Segmentation metrics from pixel counts: pure numpy."""
