"""A trained network as a SavedModel: export, signatures, request decoding, description, versions. Needs no TFX."""
