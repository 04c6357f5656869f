"""SegmentationTrainer: trains one candidate network on Examples and exports it as a SavedModel."""
