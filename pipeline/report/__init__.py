"""The report of a run: one HTML page from the run's artifacts. Needs neither TFX nor TensorFlow."""
