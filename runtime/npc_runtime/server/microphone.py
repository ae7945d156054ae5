"""Microphone audio on its way in: only while the session listens, and not without end."""

import base64
import binascii

from npc_runtime.errors import InputError
from npc_runtime.server.protocol import ClientMessage, ListenAudio, ListenStart, ListenStop
from npc_runtime.server.refusals import limit, order

_SAMPLE = 2
"""Bytes of one sample."""


class Microphone:
    """Follows what the game says about listening.

    Args:
        utterance_seconds: The longest utterance of push-to-talk. An open microphone may stay open: its utterances are
            bounded where they are cut.
    """

    def __init__(self, utterance_seconds: float) -> None:
        self._seconds = utterance_seconds
        self._listening = False
        self._left: int | None = None
        """Bytes that may still come; None: any number."""
        self._complained = False

    def follow(self, message: ClientMessage) -> None:
        """Take note of a message that the session has accepted."""
        if isinstance(message, ListenStart):
            self._listening = True
            self._complained = False
            bounded = message.mode == "push_to_talk"
            self._left = int(self._seconds * message.rate) * _SAMPLE if bounded else None
        elif isinstance(message, ListenStop):
            self._listening = False
            self._complained = False

    def take(self, pcm: bytes) -> bytes:
        """The part of a piece that is for the session; may be empty.

        Raises:
            InputError: The audio is not wanted; said once, then it is dropped in silence.
        """
        if not self._listening:
            return self._drop(order("There is audio, but nobody listens.", "send `listen.start` before audio"))
        if self._left is None:
            return pcm
        if not self._left:
            message = f"The utterance is longer than {self._seconds:g} s: the rest is not heard."
            return self._drop(limit("audio_too_long", message, "send `listen.stop` when the key is released"))
        wanted = pcm[: self._left]
        self._left -= len(wanted)
        return wanted

    @staticmethod
    def decode(message: ListenAudio) -> bytes:
        """The audio inside a JSON message.

        Raises:
            InputError: It is not base64.
        """
        try:
            return base64.b64decode(message.pcm_base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InputError("listen.audio: `pcm_base64` is not base64.", hint=str(error), code="bad_message") from None

    def _drop(self, complaint: InputError) -> bytes:
        if self._complained:
            return b""
        self._complained = True
        raise complaint
