"""The embedded sample: a devkit of drawn scenes."""
