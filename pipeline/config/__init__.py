"""The configuration of a run: schema, loading and the wording of errors."""
