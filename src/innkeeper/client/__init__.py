"""A running server, seen by a program: its state, its commands, its answers."""
