"""DataValidator: reports problems in the data, from statistics, anomalies and pixel counts."""
