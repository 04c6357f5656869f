"""The work of `vocseg run --publish-weights`: a folder with what a release page holds."""
