"""How far estimates of tokens are off, learnt from what a service counted."""

from collections import deque

_SAMPLES = 8
_LEAST, _MOST = 0.2, 1.5
"""A ratio beyond these says more about the service than about its tokenizer."""


class Calibration:
    """The ratio of counted tokens to estimated ones, over the last replies."""

    def __init__(self) -> None:
        self._ratios: deque[float] = deque(maxlen=_SAMPLES)

    def learn(self, counted: int, estimated: int) -> None:
        """Take what a prompt really had; `estimated` is more than 0."""
        self._ratios.append(min(max(counted / estimated, _LEAST), _MOST))

    @property
    def ratio(self) -> float:
        """By how much to multiply an estimate: the worst of late, so that nothing overruns its room."""
        return max(self._ratios, default=1.0)
