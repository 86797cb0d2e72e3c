"""RECALL: pieces of text kept in a file and found again by word and by meaning; knows nothing of models."""
