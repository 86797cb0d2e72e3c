"""A running inn, seen by a program: what an application asks of the models, and what an operator asks of the server."""
