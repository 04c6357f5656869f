"""Pusher: publishes the blessed model as a new version, in one step; `rollback` undoes it."""
