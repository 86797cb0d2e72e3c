"""Transcripts as publishers write them, read into lines with their times and speakers."""
