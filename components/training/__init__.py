"""Trains a segmentation network on records. Needs no TFX."""
