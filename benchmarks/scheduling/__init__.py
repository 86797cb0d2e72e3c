"""What the comparison of policies stands on: workloads, and the least loading that any policy could do."""
