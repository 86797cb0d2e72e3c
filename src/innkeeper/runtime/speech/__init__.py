"""Sound and what is heard in it: decoding, voice, windows, transcripts."""
