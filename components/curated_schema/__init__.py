"""CuratedSchema: writes the schema that all records must follow as a Schema artifact."""
