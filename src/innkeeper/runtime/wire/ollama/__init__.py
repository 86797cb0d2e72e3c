"""Ollama's HTTP format: requests in, answers and errors out. Nobody else in this package knows it."""
