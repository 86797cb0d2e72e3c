"""What the benchmark of podcast answers stands on."""
