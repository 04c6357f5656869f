"""Ranks the masks of a devkit by how much a model disagrees with them: the work of `vocseg data check --model`."""
