"""The work of `vocseg doctor`: what this machine has, and what is missing."""
