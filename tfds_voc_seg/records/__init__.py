"""The records: their features, encoding and decoding. `tfds_voc_seg.record_config` has their settings."""
