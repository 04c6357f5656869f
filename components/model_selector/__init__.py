"""ModelSelector: selects the best candidate and approves it for publishing if it beats the model in service."""
