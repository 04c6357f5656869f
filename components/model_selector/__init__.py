"""ModelSelector: the best candidate, if it beats the model in service."""
