"""Runs the nodes of a compiled pipeline: in a container of a cluster, or emulated on this machine."""
