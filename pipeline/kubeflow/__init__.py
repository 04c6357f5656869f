"""The pipeline on Kubeflow Pipelines: its specification compiled, checked and emulated, and what containers run."""
