"""A voice: what every speech synthesiser offers, whatever engine is behind it."""

from collections.abc import Iterator
from typing import Protocol

from npc_runtime.lane import Ticket
from npc_runtime.speech import Clip, ClipHead, ClipPiece, Timing, VoiceColour


class Voice(Protocol):
    """Turns one clause into audio with timed phones.

    A voice belongs to one native engine: callers take turns (the turn runs it inside a lane).
    """

    @property
    def name(self) -> str:
        """Name of the voice, as a character's `voice.name` writes it."""
        ...

    @property
    def rate(self) -> int:
        """Samples per second of every clip."""
        ...

    @property
    def language(self) -> str:
        """ISO 639-1 code of what it speaks, such as `en`."""
        ...

    @property
    def timing(self) -> Timing:
        """How exact the phone times of its clips are."""
        ...

    @property
    def licence_note(self) -> str:
        """What a person who ships this voice must know about its licence; may be empty."""
        ...

    def synthesize(
        self,
        text: str,
        *,
        pace: float = 1.0,
        volume: float = 1.0,
        variability: float = 1.0,
        colour: VoiceColour | None = None,
        deterministic: bool = False,
    ) -> Clip:
        """Speak a text.

        Args:
            text: Words as they are written; what cannot be spoken is left out.
            pace: Speed, 1.0 as the voice was recorded; kept within 0.5..2.
            volume: Factor on the amplitude, 1.0 as the voice was levelled; kept within 0..4.
            variability: Factor on the voice's own randomness; kept within 0..2.
            colour: What a feeling does to all three; None leaves every sample as it is.
            deterministic: Whether the same text always gives the same samples.

        Returns:
            The audio and its phones; both empty when there is nothing to say.

        Raises:
            EngineError: The engine failed.
        """
        ...

    def stream(
        self,
        text: str,
        *,
        pace: float = 1.0,
        volume: float = 1.0,
        variability: float = 1.0,
        colour: VoiceColour | None = None,
        deterministic: bool = False,
        ticket: Ticket | None = None,
    ) -> Iterator[ClipHead | ClipPiece]:
        """Speak a text, its first sound as early as the engine can.

        Args:
            text: As for `synthesize`, and so are the others.
            pace: Speed.
            volume: Factor on the amplitude.
            variability: Factor on the voice's own randomness.
            colour: What a feeling does to all three.
            deterministic: Whether the same text always gives the same samples.
            ticket: Checked before each piece.

        Yields:
            The head, then the audio in pieces; nothing when there is nothing to say. Joined they are what `synthesize`
            gives.

        Raises:
            EngineError: The engine failed.
            Stopped: Nobody wants the result any more.
        """
        ...

    def warm_up(self) -> None:
        """Do once, early, what would make the first sentence late."""
        ...
