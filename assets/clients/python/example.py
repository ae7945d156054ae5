"""Everything a game does with a character, in one go: `python example.py [ws://127.0.0.1:8910/v1/ws]`."""

# ruff: noqa: D102, T201  # what happens is printed
import asyncio
import sys
from typing import Any

from npc_client import NpcClient

LINE = "Can you mend my sword? Grüße, 剣!"
MORE = "Tell me about the mine."
PLAYER = {"id": "tamsin", "name": "Tamsin"}


class Game:
    """The game's side of a short meeting in a smithy."""

    def __init__(self, *url: str) -> None:
        self.npc = NpcClient(*url, player=PLAYER, audio={"out": "binary", "rate": 22050}, visemes="oculus")
        self.turns: dict[str, int] = {}
        """The turns that answer LINE and MORE."""
        show = ["welcome", "turn.begin", "say", "visemes", "audio", "speech.stop", "event", "turn.end"]
        for type in [*show, "saved", "loaded", "error", "problem", "closed"]:
            self.npc.on(type, getattr(self, type.replace(".", "_")))
        self.npc.perform("give_item", self.give_item)
        self.npc.perform("open_door", lambda args, action: print("action: open the door"))
        self.npc.permit(lambda action: action["name"] == "open_door")

    async def welcome(self, message: Any) -> None:
        self.turns.clear()
        print("connected:", ", ".join(character["name"] for character in message["characters"]))
        await self.npc.scene(
            location="smithy",
            entities=[
                {"id": "iron_sword", "name": "iron sword", "tags": ["weapon"], "distance": 1},
                {"id": "oak_shield", "name": "oak shield", "tags": ["armor"], "distance": 2.5},
            ],
            characters=[{"id": "brynja", "distance": 1.5, "looking_at_player": True}],
        )
        await self.npc.talk("brynja")
        await self.npc.tell(LINE, "brynja")

    def turn_begin(self, message: Any) -> None:
        self.turns[message["reply_to"]] = message["turn"]

    async def say(self, message: Any) -> None:
        print("subtitle:", message["text"])
        if message["turn"] == self.turns.get(MORE):
            await self.npc.interrupt(message["turn"])

    def visemes(self, message: Any) -> None:
        print("mouth:", len(message["frames"]), "shapes")

    async def audio(self, message: Any, pcm: bytes) -> None:
        print("sound:", len(pcm) // 2, "samples")
        end_ms = message["start_ms"] + len(pcm) / 2 * 1000 / message["rate"]
        await self.npc.played(message["turn"], end_ms)  # a game says this when it has played them

    def speech_stop(self, message: Any) -> None:
        print("stop playing")

    def event(self, message: Any) -> None:
        print("event:", message["name"])

    async def turn_end(self, message: Any) -> None:
        print("turn:", message["reason"])
        if message["turn"] == self.turns.get(LINE):
            await self.npc.event("storm_begins", strength=3)
            await self.npc.tell(MORE, "brynja")
        elif message["turn"] == self.turns.get(MORE):
            await self.npc.save("first")

    def give_item(self, args: Any, action: Any) -> str:
        print("action: give", args["item"])
        return f"gave {args['item']}"

    async def saved(self, message: Any) -> None:
        await self.npc.load(message["slot"])

    async def loaded(self, message: Any) -> None:
        print("saved and loaded:", message["slot"])
        await self.npc.close()

    def error(self, message: Any) -> None:
        print("error:", message["code"])

    def problem(self, text: str) -> None:
        print("problem")

    def closed(self, reason: str, again: bool) -> None:
        print("connection lost" if again else "closed")


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(Game(*sys.argv[1:]).npc.run(), 60))
