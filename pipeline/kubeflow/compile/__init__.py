"""Compiles a run for Kubeflow Pipelines and checks the result."""
