"""The embedded sample: a small devkit of drawn scenes."""
