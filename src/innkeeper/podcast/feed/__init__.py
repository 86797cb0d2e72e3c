"""Where episodes come from: feeds, read tolerantly, and what changed in them since they were read last."""
