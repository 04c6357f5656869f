"""CuratedSchema: what the records must hold, as a Schema artifact."""
