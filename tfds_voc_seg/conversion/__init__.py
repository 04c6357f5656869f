"""Converts the photos and masks of a devkit to sharded records, with Beam."""
