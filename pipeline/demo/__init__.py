"""`vocseg demo`: a web page on this machine to try models on."""
