"""`python -m innkeeper.cli` is `innkeeper`."""

from innkeeper.cli import main

main()
