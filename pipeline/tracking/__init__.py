"""Logs finished runs to MLflow."""
