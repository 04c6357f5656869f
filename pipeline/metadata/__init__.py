"""What ML Metadata records of the runs in an output folder."""
