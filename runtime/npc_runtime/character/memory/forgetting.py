"""Forgetting: what is trivial fades in game time unless it is used; promises and quests never do.

Strength falls exponentially (Ebbinghaus 1885): importance · exp(-dt / tau), where dt is the game time since the memory
was made or last recalled, and tau grows by `GROWTH` with every recall. Forgotten is not deleted: it is not recalled.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TAU = 180 * 86400.0
"""Seconds of game time: half a year until 37 % is left. On LoCoMo, whose talks span up to a year, this costs two points
of R@10; 120 days cost five."""
GROWTH = 1.75
"""By how much each recall slows forgetting."""
MOST_RECALLS = 12
"""Recalls that count: after these tau is 825 times as long."""
THRESHOLD = 0.02
"""What is weaker than this is not recalled: importance .05 after 165 days, .3 after 487, 1 after 704."""


def strength(importance: Floats, elapsed: Floats, recalls: Floats) -> Floats:
    """How much is left of memories.

    Args:
        importance: 0..1, shape (n).
        elapsed: Seconds of game time since each was made or last recalled, shape (n); a time to come counts as now.
        recalls: How often each was recalled, shape (n).

    Returns:
        0..1, shape (n).
    """
    tau = TAU * GROWTH ** np.minimum(recalls, MOST_RECALLS)
    return importance * np.exp(-np.maximum(elapsed, 0.0) / tau)
