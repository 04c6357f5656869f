"""Shared by the benchmarks: the row of a claim, its statistics, the table, results in files, time and memory."""
