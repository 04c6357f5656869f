"""A VOC devkit on disk or in an object store."""
