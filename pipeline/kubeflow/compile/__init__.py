"""Compiles a run's configuration to a specification for Kubeflow Pipelines and checks the specification."""
