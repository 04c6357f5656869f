"""ModelSelector: the best candidate that may be published, if it beats the model in service."""
