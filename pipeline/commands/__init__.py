"""The commands of `vocseg`, one module per command or group. Each is light until its command runs."""
