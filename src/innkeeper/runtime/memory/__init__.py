"""What fits: the pools of this machine, and how many bytes each model holds in them."""
