"""`vocseg demo`: a local web page to try models."""
