"""Real texts with real questions, and what the benchmarks of recall share."""
