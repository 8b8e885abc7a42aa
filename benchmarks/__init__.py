"""Benchmarks: ratios from one run, every answer checked."""
