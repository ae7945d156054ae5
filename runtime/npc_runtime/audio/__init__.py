"""This machine's own microphone and speakers."""
