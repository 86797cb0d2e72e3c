"""Measurements, one a file: `python -m benchmarks.NAME` writes `benchmarks/results/NAME.md` with its conditions."""
