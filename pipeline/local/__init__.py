"""Runs the pipeline on this machine, and reads what runs left."""
