"""Programs that stand in for others while something beside them is measured."""
