"""The HTTP door: OpenAI's routes, the operator's routes, keys and limits."""
