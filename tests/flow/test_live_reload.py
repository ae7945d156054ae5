"""Content that is edited while a game runs: whoever is talked to goes on with it. In real time, with real files."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from tests.flow._scripted import Ears, Mind, Mouth, line
from tests.flow._village import FILES, minds, village

from npc_runtime import events
from npc_runtime.config import Settings
from npc_runtime.errors import InputError
from npc_runtime.room import Room
from npc_runtime.server.live import LiveSession
from npc_runtime.server.protocol import client_messages
from npc_runtime.traces import Traces

pytestmark = pytest.mark.anyio

LONG = "[emotion joy weak] This is a rather long answer that takes its time."
SMITH = "characters/brynja.yaml"
OATH = """
  - id: oath
    when: {keyword: [swear it]}
    do: [{say: "By the anvil."}]
"""


class Player:
    """A game that is connected to the room."""

    def __init__(self, live: LiveSession, room: Room, mind: Mind, folder: Path) -> None:
        self.room, self.mind = room, mind
        self._live = live
        self._folder = folder
        self._told: list[events.Event] = []

    async def read(self) -> None:
        async for event in self._live.events:
            self._told.append(event)

    async def send(self, type: str, **fields: Any) -> None:
        await self._live.handle(client_messages().validate_python({"type": type, **fields}))

    def lines(self) -> list[str]:
        return [line(event) for event in self._told]

    def notices(self) -> list[str]:
        return [event.message for event in self._told if isinstance(event, events.Notice)]

    async def until(self, wanted: str) -> None:
        """Wait until this has been told, and forget what was told up to it."""
        with anyio.fail_after(30):
            while wanted not in self.lines():  # noqa: ASYNC110
                await anyio.sleep(0.01)
        del self._told[: self.lines().index(wanted) + 1]

    async def say(self, text: str) -> None:
        await self.send("player.text", text=text)

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        path = self._folder / name
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()


Join = Callable[..., AbstractAsyncContextManager[Player]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def join(tmp_path: Path) -> Join:
    """A player in a room that follows its files, who has turned to the smith."""

    @asynccontextmanager
    async def opened(mind: Mind | None = None) -> AsyncIterator[Player]:
        mind = mind or minds("[emotion joy weak] Aye.")
        engines: Any = SimpleNamespace(
            ears=Ears(), mind=mind, mouth=Mouth(), turns=None, busy=dict, context_tokens=2048
        )
        settings = Settings(state=tmp_path / "state", memory={"embedder": "none"})  # type: ignore[arg-type]
        room = Room(village(tmp_path / "content"), engines, settings, Traces())
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(room.run)
            hello = client_messages().validate_python({"type": "hello", "protocol": 1})
            live = room.open_session(hello)
            async with live:
                player = Player(live, room, mind, tmp_path / "content")
                tasks.start_soon(player.read)
                await player.send("talk.start", character="brynja")
                try:
                    yield player
                except Exception as error:  # raised again outside, where it is no group of one
                    failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    return opened


async def changed(player: Player, *what: str) -> None:
    """Wait until the room has taken an edit over."""
    await player.until("notice content_changed" if not what else f"notice {what[0]}")


async def test_a_new_goal_works_in_the_talk_that_goes_on(join: Join) -> None:
    async with join() as player:
        await player.say("Swear it!")
        await player.until("say Aye.")
        await player.until("idle")
        player.edit(SMITH, lambda text: text.replace("\ngoals:\n", f"\ngoals:{OATH}"))
        await changed(player)
        await player.say("Swear it!")
        await player.until("say By the anvil.")
        assert len(player.mind.requests) == 1
        await player.until("idle")
        await player.say("What did I say before?")
        await player.until("idle")
        assert "Swear it!" in [message.text for message in player.mind.requests[-1].messages]


async def test_what_is_said_is_said_to_its_end_and_the_next_words_are_the_new_ones(join: Join) -> None:
    async with join(minds(LONG, "[emotion joy weak] Aye.")) as player:
        await player.say("Hello.")
        await player.until("piece")
        player.edit(SMITH, lambda text: text.replace("Blacksmith of Hollowfen.", "Weaver of Hollowfen."))
        await changed(player)
        await player.until("end done")
        await player.say("And you?")
        await player.until("end done")
        first, second = (request.messages[0].text for request in player.mind.requests)
        assert "Blacksmith" in first and "Weaver" in second


async def test_nonsense_leaves_the_last_good_version(join: Join) -> None:
    async with join() as player:
        player.edit(
            SMITH, lambda text: text.replace("{keyword: [the guild sent me]}", "{keywort: [the guild sent me]}")
        )
        with anyio.fail_after(30):
            while not player.notices():  # noqa: ASYNC110
                await anyio.sleep(0.01)
        assert player.lines()[-1] == "notice content_error"
        where = FILES[SMITH].splitlines().index("    when: {keyword: [the guild sent me]}") + 1
        assert f"brynja.yaml:{where}:" in player.notices()[0] and "keywort" in player.notices()[0]
        await player.say("The Guild sent me.")
        await player.until("say Out of here.")
        player.edit(SMITH, lambda text: text.replace("keywort", "keyword").replace("Out of here.", "Go away."))
        await changed(player)
        assert "brynja" in {character.id for character in player.room.characters()}


async def test_who_is_gone_says_goodbye_by_finishing(join: Join) -> None:
    async with join(minds(LONG)) as player:
        await player.say("Hello.")
        await player.until("piece")
        player.remove(SMITH)
        await changed(player)
        await player.until("end done")
        await player.until("idle")
        assert "brynja" not in {character.id for character in player.room.characters()}
        for message in ({"type": "player.text", "text": "Hello?"}, {"type": "talk.start", "character": "brynja"}):
            with pytest.raises(InputError):
                await player.send(**message)
        await player.send("talk.start", character="barnaby")
        await player.say("Good day.")
        await player.until("end done")


async def test_who_is_gone_while_nobody_speaks_is_idle(join: Join) -> None:
    async with join() as player:
        await player.until("attending")
        player.remove(SMITH)
        await player.until("idle")
        with pytest.raises(InputError, match="Nobody is being talked to"):
            await player.send("listen.start", mode="open_mic", rate=16_000)


async def test_somebody_new_can_be_talked_to(join: Join) -> None:
    async with join() as player:
        for after in ("persona: {summary: Miller.}", "persona: {summary: Miller and widow.}"):
            text = f"name: Mina Rowe\n{after}\n"
            (player._folder / "characters" / "mina.yaml").write_text(text, encoding="utf-8")
            await changed(player)
            await player.send("player.text", text="Good day.", to="mina")
            await player.until("end done")
            assert after.partition(": ")[2].partition(": ")[2].rstrip("}") in player.mind.requests[-1].messages[0].text


async def test_an_event_and_a_talk_wait_for_characters_as_they_are_then(join: Join) -> None:
    async with join(minds(LONG)) as player:
        await player.say("Hello.")
        await player.until("piece")
        await player.send("game.event", name="bell_rang", to="barnaby")
        await player.send("game.event", name="bell_rang", to="brynja")
        player.edit("characters/barnaby.yaml", lambda text: text.replace("Closing time.", "Off to bed."))
        player.remove(SMITH)
        await changed(player)
        await player.until("say Off to bed.")
        await player.until("idle")
        await anyio.sleep(0.2)
        assert "begin" not in player.lines()
