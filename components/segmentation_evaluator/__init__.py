"""SegmentationEvaluator: all candidates and the model in service, measured on the same pixels."""
