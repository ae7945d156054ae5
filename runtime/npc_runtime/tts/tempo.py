"""Tempo: the length scale at which a voice really becomes as much quicker or slower as a feeling asks for."""

from collections.abc import Sequence

import numpy as np

SCALES = (0.4, 0.55, 0.7, 0.8, 0.9, 1.0, 1.15, 1.35, 1.7, 2.4)
"""Length scales at which a voice is measured, as factors on its own; between them lengths lie nearly on a line."""


class Tempo:
    """How the length of speech follows the length scale of one voice.

    A VITS voice makes each symbol a whole number of frames long, rounded up (Kim, Kong and Son 2021, section 2.2.2),
    and most symbols are one to three frames long. So a length scale of 1/1.15 makes sentences of en_US-joe-medium only
    1/1.06 to 1/1.10 as long. How much more it takes is much the same for all sentences of a voice: measured on one, it
    brings others to 1/1.10 to 1/1.20.

    Args:
        lengths: Of one sentence at each of `SCALES`, in any unit; they never decrease.
    """

    def __init__(self, lengths: Sequence[float]) -> None:
        self._lengths = tuple(lengths)

    def stretch(self, pace: float, rate: float) -> float:
        """Factor on the length scale that makes speech `1 / rate` as long.

        Args:
            pace: Speed that the voice has already: its length scale is `1 / pace` of its own.
            rate: How much quicker to speak; 1 changes nothing, exactly.

        Returns:
            The factor; it stays within what was measured, so a voice at the end of `SCALES` changes less.
        """
        if rate == 1:
            return 1.0
        scale = min(max(1 / pace, SCALES[0]), SCALES[-1])
        wanted = np.interp(scale, SCALES, self._lengths) / rate
        return float(np.interp(wanted, self._lengths, SCALES) / scale)
