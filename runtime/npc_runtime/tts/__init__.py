"""Speaking: text to audio with timed phones."""
