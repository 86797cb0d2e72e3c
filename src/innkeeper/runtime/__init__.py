"""The runtime: who is in memory, what fits, who answers, how a model runs, what happened."""
