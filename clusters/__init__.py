"""Clusters of Flink and of Spark on this machine, to try the Beam jobs of the project on them; see docs/clusters.md."""
