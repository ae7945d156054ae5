"""Pauses: the silence after a sentence or clause, by the mark that it ends with."""

PAUSES_MS = {",": 120.0, ";": 150.0, ":": 150.0, ".": 220.0, "?": 220.0, "!": 220.0}
"""Milliseconds, by the last mark; shorter in quick speech."""
UNFINISHED_MS = 30.0
"""After words that go on in the next clause."""


def pause_ms(text: str, pace: float) -> float:
    """Silence to leave after a text, in milliseconds.

    Args:
        text: Words or phonemes with their punctuation.
        pace: Speed; 1 is ordinary.
    """
    return PAUSES_MS.get(text.rstrip()[-1:], UNFINISHED_MS) / pace
