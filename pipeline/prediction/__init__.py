"""Using a model: photos in, class maps and overlays out."""
