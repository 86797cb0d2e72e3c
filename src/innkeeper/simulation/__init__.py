"""What would have happened: requests over the same machine and the same choice, in simulated time."""
