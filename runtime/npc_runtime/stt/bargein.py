"""Barge-in: whether the player interrupts a character that is speaking. Counters only, like the end-of-turn policy.

Without echo cancellation the microphone may hear the character from the speakers. What it hears there is quieter than
what is played by a roughly constant amount, which is learned while it plays; a voice that is clearly louder than that
is the player. Limits: in the first second of the first reply the player must speak up, and who is softer at the
microphone than the speakers are cannot interrupt by voice. With a headset there is no echo and none of this applies.
"""

import math
from dataclasses import dataclass

import numpy as np

from npc_runtime.speech import Samples

SILENT_DB = -96.0
"""Level of digital silence in 16 bits."""


def level_db(samples: Samples) -> float:
    """Root mean square in decibels of full scale, not below -96.

    Args:
        samples: Mono, -1..1, shape (n,).
    """
    power = float(np.square(samples, dtype=np.float64).mean()) if len(samples) else 0.0
    return max(SILENT_DB, 10 * math.log10(power)) if power > 0 else SILENT_DB


@dataclass(frozen=True, slots=True)
class BargeInSettings:
    """Thresholds; times in milliseconds, levels in decibels."""

    voice_ms: float = 250
    """Voice that interrupts: more than a cough, less than a sentence."""
    gap_ms: float = 96
    """Silence that a voice may hold, such as a stop consonant."""
    enter: float = 0.5
    """Probability of speech that counts while nothing can be heard from the speakers."""
    playing: float = 0.7
    """Probability of speech that counts while something can."""
    above_noise: float = 9.0
    """How much louder than the room a voice is."""
    above_echo: float = 6.0
    """How much louder than its echo a voice is."""
    echo: float = -6.0
    """Echo relative to what is played, before anything is known: as loud as speakers beside a microphone."""
    delay_ms: float = 400
    """The longest way from our output through the game, the speakers and the room to our input."""


class BargeIn:
    """Listens while a character speaks.

    Args:
        settings: Thresholds.
    """

    def __init__(self, settings: BargeInSettings | None = None) -> None:
        self.settings = settings or BargeInSettings()
        self._noise = SILENT_DB + 36
        self._echo = self.settings.echo
        self._recent: list[tuple[float, float, float]] = []  # how long ago, how loud in the microphone, and played
        self.reset()

    def reset(self) -> None:
        """Another reply begins; what is known of the room and the speakers stays."""
        self._voiced = 0.0
        self._gap = 0.0

    def feed(self, chunk_ms: float, p_speech: float, mic_db: float, played_db: float | None = None) -> bool:
        """Take the next chunk from the microphone.

        Args:
            chunk_ms: Its length.
            p_speech: The probability of speech in it, 0..1.
            mic_db: Its level, see `level_db`.
            played_db: Level of what is played at the same time; None when nothing is, or when it goes to a headset.

        Returns:
            Whether this chunk decides that the player interrupts; then counting begins anew.
        """
        s = self.settings
        expected = self._expected(chunk_ms, mic_db, played_db)
        threshold = s.enter if expected is None else s.playing
        floor = self._noise + s.above_noise
        if expected is not None:
            floor = max(floor, expected + s.above_echo)
        if p_speech < s.enter:
            # Falls at once to a quieter room and rises slowly to a louder one.
            self._noise += (mic_db - self._noise) * (0.5 if mic_db < self._noise else chunk_ms / 2000)
            self._noise = max(SILENT_DB, self._noise)
        if p_speech >= threshold and mic_db >= floor:
            self._voiced += chunk_ms
            self._gap = 0.0
        else:
            self._gap += chunk_ms
            if self._gap > s.gap_ms:
                self.reset()
        if self._voiced < s.voice_ms:
            return False
        self.reset()
        return True

    def _expected(self, chunk_ms: float, mic_db: float, played_db: float | None) -> float | None:
        """The level of echo that there may be in this chunk, None if there can be none."""
        s = self.settings
        self._recent = [(age + chunk_ms, mic, out) for age, mic, out in self._recent if age + chunk_ms <= s.delay_ms]
        self._recent.append((0.0, mic_db, SILENT_DB if played_db is None else played_db))
        loudest = max(out for _, _, out in self._recent)
        if loudest <= SILENT_DB:
            return None
        expected = loudest + self._echo
        # The loudest of both, because the echo comes late. Down by 15 dB per second, up by 2: a player who talks over
        # the character must not pass for its echo.
        heard = max(mic for _, mic, _ in self._recent) - loudest
        self._echo += min(2 * chunk_ms / 1000, max(-15 * chunk_ms / 1000, heard - self._echo))
        return expected
