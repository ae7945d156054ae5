"""Hearing: a player's microphone: where its voice begins and ends, and whose voice it is."""

import numpy as np

from npc_runtime.errors import InputError
from npc_runtime.house import House
from npc_runtime.speech import Samples
from npc_runtime.stt.bargein import BargeIn
from npc_runtime.stt.endpoint import EndpointPolicy
from npc_runtime.stt.listener import Listener, ListenerEvent, Mode

_ECHO_MS = 400.0
"""For so long after a reply its echo may be heard."""
_CARRIED = 30 * 16_000
"""Samples of an utterance that went on, after its end had been declared, that are heard again with the rest."""
_NONE = np.zeros(0, np.float32)


class Hearing:
    """What comes from the microphone of one player; how the player talks is learnt as long as this lives.

    Args:
        house: Makes voice detectors.
    """

    def __init__(self, house: House) -> None:
        self.listener: Listener | None = None
        """None while the microphone is off."""
        self.held = False
        """Whether the listener belongs to a push-to-talk key: that says whose voice it is."""
        self.fed_ms = 0.0
        """Audio that the listener was given: its clock."""
        self.murmur = False
        """Whether the voice that is heard began over the character's, and has not yet proved to be the player's."""
        self.carried: Samples = _NONE
        """Speech whose answer was taken back before it sounded, because the player went on."""
        self._house = house
        self._policy = EndpointPolicy()
        self._barge_in = BargeIn()
        self._quiet_ms = 0.0
        """On the listener's clock, when the character last stopped speaking."""

    @property
    def voice(self) -> bool:
        """Whether somebody is speaking."""
        return self.listener is not None and self._policy.speaking

    def open(self, rate: int, mode: Mode) -> None:
        """Switch the microphone on.

        Args:
            rate: Samples per second.
            mode: Who says when the player speaks.
        """
        self.listener = Listener(self._house.detector(), self._policy, rate, mode, self._barge_in)
        self.held = mode == "push_to_talk"
        self.fed_ms = self._quiet_ms = 0.0
        self.murmur = False

    def stop(self) -> list[ListenerEvent]:
        """The microphone is being switched off; returns what that ends.

        Raises:
            InputError: It is off.
        """
        if self.listener is None:
            raise InputError("Nothing is being listened to.", hint="send listen.start first", code="wrong_order")
        return self.listener.stop()

    def feed(self, pcm: bytes, *, level_db: float | None, speaking: bool) -> list[ListenerEvent]:
        """Take in audio; returns what was heard.

        Args:
            pcm: 16 bits, mono.
            level_db: How loud the character's own voice is now.
            speaking: Whether a character has its turn.

        Raises:
            InputError: The microphone is off.
        """
        if self.listener is None:
            raise InputError("Audio came without listen.start.", hint="send listen.start first", code="wrong_order")
        if speaking:
            self.listener.character_speaks(level_db)
        self.fed_ms += len(pcm) / 2 * 1000 / self.listener.rate
        return self.listener.feed(pcm)

    def break_off(self) -> None:
        """What is being said aloud is not finished any more."""
        self._policy.reset(hold=self.held)

    def character_speaks(self) -> None:
        """A character has its turn."""
        if self.listener is not None:
            self.listener.character_speaks()

    def character_stops(self) -> None:
        """No character has its turn any more."""
        self._quiet_ms = self.fed_ms
        if self.listener is not None:
            self.listener.character_stops()

    def is_players(self, last_voiced_ms: float, *, quiet: bool) -> bool:
        """Whether a voice is the player's, although it began while the character's own came from the speakers.

        Args:
            last_voiced_ms: When it was last heard.
            quiet: Whether no character has its turn.
        """
        if quiet and last_voiced_ms > self._quiet_ms + _ECHO_MS:
            self.murmur = False
        return not self.murmur

    def with_carried(self, samples: Samples) -> Samples:
        """An utterance with what the player had said before it."""
        return np.concatenate([self.carried, samples])[-_CARRIED:]

    def drop_carried(self) -> None:
        """What the player had said before is answered."""
        self.carried = _NONE
