"""How right answers are: scorers that benchmarks share."""
