"""A cluster of Flink on this machine, to try the Beam jobs of the project on it; see docs/clusters.md."""
