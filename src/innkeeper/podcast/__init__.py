"""The podcast that answers: transcripts cut into passages, questions answered with verbatim quotes and their times."""
