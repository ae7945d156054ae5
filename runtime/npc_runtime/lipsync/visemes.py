"""The mouth frames of a clip: what a game is sent."""

from npc_runtime.errors import EngineError
from npc_runtime.events import VisemeFrame, VisemeSet
from npc_runtime.lipsync.energy import energy_track
from npc_runtime.lipsync.sets import frames
from npc_runtime.lipsync.track import Track, track
from npc_runtime.speech import Clip


def visemes(clip: Clip, target: VisemeSet, *, start_ms: float = 0.0) -> tuple[VisemeFrame, ...]:
    """Mouth frames that cover a clip exactly.

    A frame begins with the sound it belongs to, not before: that is what every vendor's engine expects, and the game
    knows best how it blends. A game that cross-fades reads the track about 40 ms ahead of its audio clock
    (`lead_ms = 40`, up to 60 for lips that move slowly) and fades over 40 to 60 ms, so that a pose is reached when it
    is heard. Early is safe: people notice sound that comes 45 ms before the lips, and only 125 ms after them
    (ITU-R BT.1359). A game that shows frames as they are needs no lead.

    Args:
        clip: Speech; one whose timing is `energy` or that has no phones moves the jaw with its loudness.
        target: The set of shapes that the game's face has.
        start_ms: Where the clip begins in the turn's audio; added to all times.

    Returns:
        Frames ordered by start. Consecutive poses meet at the same number and the last ends with the clip; frames
        with the same times show together, the strongest first. Empty only if the clip is.

    Raises:
        EngineError: The phones do not add up to the audio: the voice is broken.
        SetupError: The viseme tables are missing or damaged.
    """
    return frames(clip_track(clip), target, offset_ms=start_ms)


def clip_track(clip: Clip) -> Track:
    """The canonical track of a clip, before it is put into anybody's shapes; see `visemes`."""
    if clip.timing == "energy" or not clip.phones:
        return energy_track(clip.audio, clip.rate)
    made = track(clip.phones, clip.rate, clip.language)
    if made.samples != len(clip.audio):
        raise EngineError(
            f"The voice gave {len(clip.audio)} samples of audio but phones for {made.samples}",
            hint="the mouth cannot follow this voice: choose another, and report it",
        )
    return made
