"""The pipeline: its configuration, its factory, the local runner and the command line."""
