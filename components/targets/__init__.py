"""Export targets: a published model in the formats of other runtimes. Needs no TFX."""
