"""One file, the environment and the command line become one frozen value that knows where each part is from."""
