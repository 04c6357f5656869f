"""The report of a run: one HTML page, made from the run's artifacts, without TFX and TensorFlow."""
