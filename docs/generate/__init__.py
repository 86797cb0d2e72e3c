"""The pages of the documentation that are read off the code, so that they cannot be wrong."""
