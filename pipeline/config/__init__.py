"""The configuration of a run: its schema, its loading, and the wording of errors."""
