"""PASCAL VOC semantic segmentation as sharded one-hot records. Needs TFDS and Beam, never TFX."""
