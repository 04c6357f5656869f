"""The commands of `vocseg`: a module a command or group, each light until its command runs."""
