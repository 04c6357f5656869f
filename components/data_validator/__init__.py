"""DataValidator: statistics, anomalies and pixel counts → findings in words."""
