"""Innkeeper: several AI models on one machine that cannot hold them all."""

__version__ = "0.1.0"
