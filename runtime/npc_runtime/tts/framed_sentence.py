"""A sentence as it leaves a voice: its phones and length first, then its audio piece by piece, trimmed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from npc_runtime.speech import Samples, Timing
from npc_runtime.tts.estimate import spread
from npc_runtime.tts.framed_model import Sounding
from npc_runtime.tts.phone_walk import walk
from npc_runtime.tts.trim import Trim, bounds, plan


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of which the beginning is heard, and all but the sound is known."""

    trim: Trim
    timing: Timing
    heard: Samples
    """Its beginning, not yet trimmed."""
    rest: Iterator[Samples]
    """What follows, made as it is asked for."""

    def audio(self) -> Iterator[Samples]:
        """Its sound, trimmed; as many samples as its phones have. Can be asked for once."""
        at = 0
        for piece in chain([self.heard], self.rest):
            if len(kept := self.trim.cut(piece, at)):
                yield kept
            at += len(piece)
            if at >= self.trim.stop:
                break
        if len(silence := self.trim.silence()):
            yield silence


def begin(
    sounding: Sounding, symbols: Sequence[str], *, rate: int, language: str, gain: float, pause_ms: float
) -> Sentence | None:
    """Listen to a sentence until sound begins, and work out its phones.

    Args:
        sounding: What the network makes of it.
        symbols: What each of the network's numbers stands for.
        rate: Samples per second.
        language: ISO 639-1 code.
        gain: What brings the voice to the common loudness; silence is judged after it.
        pause_ms: Silence to leave after the sentence.

    Returns:
        The sentence, or None if there is no phone but silence.
    """
    heard = np.zeros(0, np.float32)
    onset = end = 0
    for piece in sounding.pieces:
        heard = np.concatenate((heard, piece))
        onset, end = bounds(heard, rate, gain)
        # Where sound begins is known as soon as there is any; without lengths, all of it must be heard.
        if end and sounding.lengths is not None:
            break
    if sounding.lengths is None:
        phones = walk(symbols, spread(symbols, len(heard), lead=onset, tail=len(heard) - end), language, onset=onset)
        trim = plan(phones, rate, end=end, pause_ms=pause_ms)
    else:
        phones = walk(symbols, sounding.lengths.tolist(), language, onset=onset)
        trim = plan(phones, rate, end=None, pause_ms=pause_ms)
    if trim is None:
        return None
    return Sentence(trim, "estimated" if sounding.lengths is None else "exact", heard, sounding.pieces)
