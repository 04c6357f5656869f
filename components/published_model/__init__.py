"""PublishedModel: the model now in service → a Model artifact."""
