"""What happened: every fact is numbered, dated, kept, and handed to the sinks that store, count and tell it."""
