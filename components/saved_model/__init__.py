"""A trained network as a SavedModel: signatures, request decoding, description, versions. Needs no TFX."""
