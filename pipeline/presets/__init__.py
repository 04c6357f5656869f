"""Presets: YAML data for `vocseg run --preset`."""
