"""Connects and leaves in odd moments: `python connecting.py URL MODE`."""

import asyncio
import importlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "assets" / "clients" / "python"))


class Game:
    """The game's side."""

    def __init__(self, url: str, mode: str) -> None:
        self.npc: Any = importlib.import_module("npc_client").NpcClient(url)
        self.mode = mode
        self.welcomes = 0
        self.lost = False
        self.tasks: list[asyncio.Task[None]] = []
        for type in ("welcome", "say", "turn.end", "closed"):
            self.npc.on(type, getattr(self, type.replace(".", "_")))
        self.npc.perform("give_item", lambda args, action: float("nan"))
        self.npc.permit(lambda action: True)

    def connect(self) -> None:
        self.tasks.append(asyncio.create_task(self.npc.run()))

    async def play(self) -> None:
        self.connect()
        print("microphone:", await self.npc.send_audio(bytes(16)))
        if self.mode == "early":
            await asyncio.sleep(0)
            await self.npc.close()
        while self.tasks:
            await self.tasks.pop(0)

    async def welcome(self, message: Any) -> None:
        print("welcome")
        self.welcomes += 1
        if self.mode == "odd":
            await self.npc.tell("Can you mend my sword?")
        elif self.mode == "at_once" and self.welcomes == 1:
            await self.npc.event("leaving")
            await self.npc.close()
            self.connect()
        else:
            print("microphone:", await self.npc.send_audio(bytes(16)))
            self.tasks.append(asyncio.create_task(self.tell()))

    async def tell(self) -> None:
        await asyncio.sleep(0.6)  # longer than the first pause before a connection is made again
        await self.npc.tell("Only talk.")

    def say(self, message: Any) -> None:
        print("say:", message["text"])

    async def turn_end(self, message: Any) -> None:
        await self.npc.close()

    async def closed(self, reason: str, again: bool) -> None:
        print("lost" if again else "closed")
        if again and not self.lost:
            self.lost = True
            if self.mode != "at_once":
                await self.npc.close()
            if self.mode == "paused":
                self.connect()


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(Game(*sys.argv[1:]).play(), 40))
