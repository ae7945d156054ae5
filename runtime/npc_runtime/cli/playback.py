"""Playing a reply through the speakers, where there are any."""

from npc_runtime.speech import Samples


def play(samples: Samples, rate: int) -> bool:
    """Play to the end.

    Args:
        samples: Mono audio, shape (n,).
        rate: Samples per second.

    Returns:
        Whether there was something to play it with.
    """
    try:
        import sounddevice
    except (ImportError, OSError):  # OSError: the package is there, PortAudio is not
        return False
    try:
        sounddevice.play(samples, rate, blocking=True)
    except sounddevice.PortAudioError:
        return False
    return True
