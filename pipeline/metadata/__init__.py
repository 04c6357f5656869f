"""Reads the runs of an output folder from ML Metadata: nodes, artifacts, and the lineage of a model."""
