"""Output for people: progress, tables and texts on the terminal."""
