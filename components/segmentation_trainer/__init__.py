"""SegmentationTrainer: Examples → a trained network as a SavedModel."""
