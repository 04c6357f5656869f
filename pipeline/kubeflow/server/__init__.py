"""Submits and watches runs through the API server of Kubeflow Pipelines."""
