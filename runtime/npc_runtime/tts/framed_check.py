"""The check whether a voice may be framed: how many neighbours its frames need, and whether the result is the same."""

from collections.abc import Iterator

import numpy as np

from npc_runtime.speech import Samples
from npc_runtime.tts.framed import Frames, Run, Stage, growing, pieces
from npc_runtime.tts.framed_verdict import Verdict

TOLERANCE = 1e-3
"""Largest difference in one sample between framed and whole decoding."""
MOST_MARGIN = 64
"""Margin, in frames, beyond which framing saves nothing."""


def reach(run: Run, frames: Frames, hop: int) -> tuple[int, int]:
    """How many frames before and after one its result depends on.

    One frame is changed; whatever changes in the result depends on it. So the margins are those of the network as it
    is, whatever its layers are.

    Args:
        run: The network.
        frames: What it usually takes, long enough that neither end is reached; shape (1, channels, n).
        hop: How much longer the result is.
    """
    at = frames.shape[-1] // 2
    changed = frames.copy()
    changed[..., at] += np.float32(1.0)
    before, after = (np.asarray(run(given, 0), np.float32) for given in (frames, changed))
    width = before.shape[-1]
    different = np.flatnonzero((before != after).reshape(-1, width).any(axis=0))
    if not len(different):
        return 0, 0
    first, last = int(different[0]) // hop, int(different[-1]) // hop
    return max(last - at, 0), max(at - first, 0)


def check(whole: Samples, prior: Frames, flow: Run, generator: Run, hop: int) -> Verdict:
    """Compare framed with whole decoding on one sentence without noise.

    Args:
        whole: The sentence as the uncut model speaks it, shape (n,).
        prior: The frames that the flow takes.
        flow: The first network, as long as its input.
        generator: The second, which gives the sound.
        hop: Samples per frame.
    """
    flow_left, flow_right = reach(flow, prior, 1)
    generator_left, generator_right = reach(generator, np.asarray(flow(prior, 0), np.float32), hop)
    margins = (flow_left, flow_right, generator_left, generator_right)
    if max(margins) > min(MOST_MARGIN, prior.shape[-1] // 2 - 1):
        return Verdict(f"its frames depend on {max(margins)} neighbours")
    stages = (Stage(flow, flow_left, flow_right), Stage(generator, generator_left, generator_right, hop))
    framed = np.concatenate([*pieces(prior, stages, _sizes())])
    if len(framed) != len(whole):
        return Verdict(f"framed decoding gives {len(framed)} samples instead of {len(whole)}")
    difference = float(np.abs(framed - whole).max())
    # Written so that NaN fails as well.
    if not difference <= TOLERANCE:
        return Verdict(f"framed decoding differs by {difference:.2g}", difference=difference)
    return Verdict("", *margins, difference)


def _sizes() -> Iterator[int]:
    """Short pieces first, so that a sentence has several seams."""
    yield from (1, 7)
    yield from growing()
