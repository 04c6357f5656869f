"""Trains a segmentation network on records: `loop.train`, and the modules that it puts together. Needs no TFX."""
