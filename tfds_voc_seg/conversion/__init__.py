"""Converts the pairs of a devkit to sharded records, on Beam."""
