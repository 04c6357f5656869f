"""Pusher: the blessed model → a version that is complete or absent at every instant; and the way back."""
