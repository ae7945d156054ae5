"""A game's side of the npc-runtime protocol in Python. Needs only `pip install websockets`.

Try it: start `npc-runtime serve`, then `python npc_client.py brynja "Can you mend my sword?"`.
"""

import asyncio
import json
import struct
import sys
import wave
from collections.abc import AsyncIterator
from typing import Any

import websockets

Message = dict[str, Any]


class NpcClient:
    """One player. Use as `async with NpcClient() as npc`."""

    def __init__(self, url: str = "ws://127.0.0.1:8910/v1/ws", *, token: str = "", **hello: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connecting = websockets.connect(url, additional_headers=headers, max_size=None)
        self._hello = {"client": {"name": "npc_client.py", "version": "1"}, **hello}
        self.welcome: Message = {}

    async def __aenter__(self) -> "NpcClient":
        self._socket = await self._connecting
        await self.send("hello", protocol=1, **self._hello)
        self.welcome, _ = await self.receive()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._socket.close()

    async def send(self, type: str, **fields: Any) -> None:
        """Tell the runtime something: `await npc.send("talk.start", character="brynja")`."""
        await self._socket.send(json.dumps({"type": type, **fields}))

    async def send_audio(self, pcm: bytes) -> None:
        """Send microphone audio (16-bit mono) between `listen.start` and `listen.stop`."""
        await self._socket.send(pcm)

    async def receive(self) -> tuple[Message, bytes]:
        """The next message, and its audio (16-bit mono at `message["rate"]`) if it is `speech.audio`."""
        data = await self._socket.recv()
        if isinstance(data, str):
            return json.loads(data), b""
        (length,) = struct.unpack_from("<I", data)
        return json.loads(data[4 : 4 + length]), data[4 + length :]

    async def say(self, text: str, to: str) -> AsyncIterator[tuple[Message, bytes]]:
        """Say something, and get everything up to the end of the answer. Audio counts as played when it is here."""
        await self.send("player.text", text=text, to=to)
        message: Message = {"type": ""}
        while message["type"] not in ("turn.end", "error"):
            message, pcm = await self.receive()
            yield message, pcm
            if message["type"] == "speech.audio":
                played = message["start_ms"] + len(pcm) / 2 * 1000 / message["rate"]
                await self.send("playback", turn=message["turn"], played_ms=played, done=False)


async def main(character: str, text: str) -> None:
    """Print what a character answers, and write its voice to reply.wav."""
    async with NpcClient(audio={"out": "binary", "rate": 22050}) as npc:
        with wave.open("reply.wav", "wb") as file:
            file.setparams((1, 2, 22050, 0, "NONE", ""))
            async for message, pcm in npc.say(text, to=character):
                print(json.dumps(message)[:120])  # noqa: T201
                file.writeframes(pcm)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
