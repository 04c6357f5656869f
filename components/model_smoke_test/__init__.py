"""ModelSmokeTest: loads each candidate's SavedModel in a new process and sends it requests, as a server would."""
