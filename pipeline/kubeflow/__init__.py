"""The pipeline on Kubeflow Pipelines: compile, check, emulate and submit it, and the commands of its containers."""
