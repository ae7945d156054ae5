"""`POST /v1/say`: one exchange as one request, for scripts and for games without any state."""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
import anyio.to_thread
from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from npc_runtime import events
from npc_runtime.errors import InputError
from npc_runtime.events import VisemeSet
from npc_runtime.server import answers, reading
from npc_runtime.server.body import json_body
from npc_runtime.server.connection import Connection
from npc_runtime.server.hub import Hub
from npc_runtime.server.mailbox import Frame
from npc_runtime.server.protocol import VERSION, AudioWish, Id, Part, PlayerInfo, Text

_RATE = 16_000
_PIECE = 64 << 10
"""Bytes of audio that are handed over at once: about two seconds."""


class SayRequest(Part):
    """What one exchange needs."""

    character: Id
    text: Text | None = None
    wav_base64: Annotated[bytes, Field(json_schema_extra={"contentEncoding": "base64"})] | None = None
    """A sound file with what the player says: WAV, FLAC, OGG or MP3."""
    scene: dict[str, Any] | None = None
    """The fields of a `scene` message."""
    player: PlayerInfo = PlayerInfo()
    audio: AudioWish = AudioWish(out="base64")
    visemes: VisemeSet = "oculus"

    @model_validator(mode="after")
    def _one_of_two(self) -> "SayRequest":
        if (self.text is None) == (self.wav_base64 is None):
            raise ValueError("should have either `text` or `wav_base64`")
        return self


class OneShot:
    """The endpoint."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def routes(self) -> list[Route]:
        """What to serve."""
        return [Route("/v1/say", self.say, methods=["POST"])]

    async def say(self, request: Request) -> Response:
        """Answer with the messages of the whole exchange."""
        body = await json_body(request, self._hub.limits)
        wish: SayRequest = reading.validated(SayRequest.model_validate, body, "say")
        pcm = await self._decode(wish)
        frames: list[Frame] = []
        seconds = self._hub.limits.say_seconds
        with anyio.move_on_after(seconds) as patience:
            async with self._hub_connection(request) as connection:
                frames = await _exchange(connection, wish, pcm)
        if patience.cancelled_caught:
            raise InputError(f"The exchange took longer than {seconds:g} s.", code="timeout")
        failed = next((frame.event for frame in frames if isinstance(frame.event, events.Error)), None)
        if failed is not None and not any(isinstance(frame.event, events.TurnBegin) for frame in frames):
            return answers.refused(failed)
        return answers.messages(frames)

    async def _decode(self, wish: SayRequest) -> bytes:
        """What the player says as PCM s16le at 16 kHz; empty if it is typed."""
        import numpy as np

        from npc_runtime.stt.audio_file import read_audio

        if wish.wav_base64 is None:
            return b""
        try:
            data = base64.b64decode(wish.wav_base64, validate=True)
        except binascii.Error:
            raise InputError("say: `wav_base64` is not base64.", code="bad_message") from None
        seconds = self._hub.limits.utterance_seconds
        samples = await anyio.to_thread.run_sync(lambda: read_audio(data, max_seconds=seconds))
        return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()

    @asynccontextmanager
    async def _hub_connection(self, request: Request) -> AsyncIterator[Connection]:
        """A connection that is there for one request, and ends when the client goes away."""
        with self._hub.connect(sound="base64") as connection:
            async with anyio.create_task_group() as tasks:

                async def leave_with_client() -> None:
                    while (await request.receive())["type"] != "http.disconnect":
                        pass
                    connection.end()

                tasks.start_soon(connection.run)
                tasks.start_soon(leave_with_client)
                try:
                    yield connection
                finally:
                    connection.end()
                    with anyio.CancelScope(shield=True):
                        await connection.over.wait()
                    tasks.cancel_scope.cancel()


async def _exchange(connection: Connection, wish: SayRequest, pcm: bytes) -> list[Frame]:
    hello = wish.model_dump(mode="json", include={"player", "audio", "visemes"}) | {"answers": False}
    await connection.receive_value({"type": "hello", "protocol": VERSION, **hello})
    if wish.scene is not None:
        await connection.receive_value({**wish.scene, "type": "scene"})
    if wish.text is not None:
        await connection.receive_value({"type": "player.text", "text": wish.text, "to": wish.character})
    else:
        await connection.receive_value({"type": "talk.start", "character": wish.character})
        await connection.receive_value({"type": "listen.start", "mode": "push_to_talk", "rate": _RATE})
        for start in range(0, len(pcm), _PIECE):
            await connection.receive_audio(pcm[start : start + _PIECE])
        await connection.receive_value({"type": "listen.stop"})
    return await _collect(connection, heard=wish.text is not None)


async def _collect(connection: Connection, *, heard: bool) -> list[Frame]:
    """The messages up to the end of the turn that answers.

    Args:
        connection: Where they come from.
        heard: Whether the player's words are known, so that the next turn is the answer, and not a greeting.
    """
    box = connection.outgoing
    frames: list[Frame] = []
    turn: int | None = None
    while True:
        seq = frames[-1].seq if frames else 0
        await box.wait(seq)
        new = box.since(seq)
        if not new:
            return frames
        for frame in new:
            frames.append(frame)
            box.forget(frame.seq)
            match frame.event:
                case events.Heard(final=True, text=text):
                    heard = True
                    if not text:
                        return frames
                case events.TurnBegin() if heard and turn is None:
                    turn = frame.event.turn
                case events.SpeechAudio():
                    await connection.receive_value(_played(frame.event))
                case events.TurnEnd() if frame.event.turn == turn:
                    return frames
                case events.Error(turn=None):
                    return frames
                case _:
                    pass


def _played(piece: events.SpeechAudio) -> dict[str, Any]:
    """Nobody plays the audio while the request waits: it counts as heard as soon as it is there."""
    ends = piece.start_ms + len(piece.pcm) / 2 * 1000 / piece.rate
    return {"type": "playback", "turn": piece.turn, "played_ms": ends, "done": False}
