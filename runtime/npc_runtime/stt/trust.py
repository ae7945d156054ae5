"""Trust: whether what Whisper wrote was said, or invented for noise.

Calibrated on real speech (clean, quiet, clipped, telephone band, pink noise down to 0 dB) against synthetic silence,
noise, tones, music, knocks, breath and machines. Nearly all speech had a no-speech probability below 0.6 and a mean log
probability above -1.6; what was not speech, and still passed the voice detector, had a probability of 0.79 and more.
"""

from dataclasses import dataclass
from typing import Literal

Reason = Literal["", "silence", "no_speech", "unclear"]

NO_SPEECH = 0.75
"""No-speech probability above which nothing was said, whatever was written."""
DOUBTFUL = 0.6
"""No-speech probability above which the words must be likely, too (Radford et al. 2022, section 4.5)."""
LIKELY = -1.0
"""Mean log probability per token of words that are likely."""
GUESSED = -1.7
"""Mean log probability per token below which words are guesses."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one pass of the decoder wrote."""

    text: str
    """Cleaned; empty if there was no word in it."""
    logprob: float
    """Mean over the tokens, the end mark included."""
    no_speech: float
    """Probability of the no-speech token before the first word, 0..1."""
    loops: bool = False
    """Whether it goes in circles."""


def doubt(decoded: Decoded, *, ours: bool = True) -> Reason:
    """Why a text is not to be believed; empty if it is.

    Args:
        decoded: The text, and how sure of it the decoder was.
        ours: Whether it comes from a model that `NO_SPEECH` was measured with. Others may say so for real speech, and
            their words must be unlikely, too.
    """
    if (ours and decoded.no_speech > NO_SPEECH) or (decoded.no_speech > DOUBTFUL and decoded.logprob < LIKELY):
        return "no_speech"
    if not decoded.text or decoded.logprob < GUESSED:
        return "unclear"
    return ""
