"""Speech as data: what was heard, and what is spoken together with the phones that it is made of."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Mono audio, shape (n,), nominal range -1..1."""

Timing = Literal["exact", "estimated", "energy"]
"""How the phone times came about: from the synthesiser itself, spread by rule, or from loudness alone."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard in one utterance."""

    text: str
    """Empty when nothing was said."""
    language: str
    reason: str = ""
    """Why the text is empty: `silence`, `no_speech` or `unclear`; empty otherwise."""
    duration_ms: float = 0.0
    last_voiced_ms: float = 0.0
    """Where the voice ends inside the audio: the point from which latency is counted."""


@dataclass(frozen=True, slots=True)
class TimedPhone:
    """One phone and how many samples it lasts."""

    ipa: str
    """One IPA phone in NFC, without stress and length marks; empty for silence."""
    samples: int
    stressed: bool = False
    word_start: bool = False
    """Whether a word begins here: neighbours across a word boundary never merge into a diphthong or affricate."""


@dataclass(frozen=True, slots=True)
class VoiceColour:
    """What a feeling does to a voice: factors on how it sounds otherwise, each 0.85..1.15."""

    rate: float = 1.0
    """On its speed."""
    variability: float = 1.0
    """On the randomness of its melody and timing, such as Piper's `noise_scale`."""
    volume: float = 1.0
    """On its amplitude."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of synthesised speech; the samples of its phones add up to its length, exactly."""

    audio: Samples
    rate: int
    """Samples per second."""
    phones: tuple[TimedPhone, ...]
    timing: Timing
    language: str
    """ISO 639-1 code of the phones, such as `en`."""

    @property
    def head(self) -> "ClipHead":
        """What is known before the first sample."""
        return ClipHead(self.phones, len(self.audio), self.rate, self.timing, self.language)

    @property
    def duration_ms(self) -> float:
        """Length in milliseconds."""
        return len(self.audio) * 1000 / self.rate


@dataclass(frozen=True, slots=True)
class ClipHead:
    """What is known of a clip before its first sample exists."""

    phones: tuple[TimedPhone, ...]
    samples: int
    """Length of the whole clip; the sum of its phones."""
    rate: int
    """Samples per second."""
    timing: Timing
    language: str
    """ISO 639-1 code of the phones."""


@dataclass(frozen=True, slots=True)
class ClipPiece:
    """The next samples of a clip."""

    audio: Samples
    rate: int
    """Samples per second."""
    last: bool
    """Whether the clip ends here."""
