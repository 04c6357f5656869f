"""The record contract: configuration, features, encoding and decoding."""
