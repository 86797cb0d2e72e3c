"""Which model files lie on this machine, in our own folder and in those of other programs."""
