"""Level: a recording without offset, at the loudness that recognition expects; silence is recognised here."""

import numpy as np

from npc_runtime.speech import Samples

SILENCE = 1e-4
"""Peak (-80 dBFS) below which a recording is digital silence or the noise of its last bit."""
QUIET = 0.1
"""Peak below which a recording is amplified: the detector and the log-mel floor expect a normal level."""
LEVEL = 0.3
MAX_GAIN = 300.0


def levelled(samples: Samples) -> Samples | None:
    """Finite samples without offset at a normal level; None for digital silence.

    Args:
        samples: Mono, -1..1, shape (n,).
    """
    audio: Samples = np.nan_to_num(np.asarray(samples, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if not len(audio):
        return None
    audio = audio - audio.mean(dtype=np.float64).astype(np.float32)
    peak = float(np.abs(audio).max())
    if peak < SILENCE:
        return None
    if peak < QUIET:
        audio *= np.float32(min(MAX_GAIN, LEVEL / peak))
    return audio
