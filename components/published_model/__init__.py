"""PublishedModel: copies the model in service to a Model artifact."""
