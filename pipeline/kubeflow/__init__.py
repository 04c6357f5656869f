"""The pipeline on Kubeflow Pipelines: compiling, checking and emulating a specification, and what its containers run."""
