"""Trains an SSD300 detector, whose VGG-16 a segmentation network may begin with."""
