"""TargetExporter: exports the selected model as targets and measures each of them on the records."""
