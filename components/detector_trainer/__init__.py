"""DetectorTrainer: trains an SSD300 detector; its VGG-16 weights can initialise a segmentation network."""
