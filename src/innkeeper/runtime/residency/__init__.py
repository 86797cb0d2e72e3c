"""Who is in memory: a pure machine that decides, and a keeper that does what it decides."""
