"""ModelSmokeTest: each candidate's SavedModel as a server would see it, in a fresh process."""
