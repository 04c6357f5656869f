"""Using a model: images, videos, a Python interface."""
