"""The custom TFX components: one folder each, `component.py` the specification and `executor.py` the work."""
