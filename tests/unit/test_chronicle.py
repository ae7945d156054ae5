"""The chronicle: memory for live sessions, which never costs them a turn."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from npc_runtime.character.memory.database import FILE_NAME
from npc_runtime.character.memory.embedder import EmbedderName
from npc_runtime.character.memory.records import Changes, Experience, StateDocument
from npc_runtime.character.memory.store import MemoryStore
from npc_runtime.chronicle import Chronicle, Remembered
from npc_runtime.errors import InputError, ModelError, NpcError, OutputError
from npc_runtime.lives import prompt_room
from npc_runtime.llm.prompt import estimated_tokens

pytestmark = pytest.mark.anyio

NAMES = {"ann": "Anna", "brynja": "Brynja"}
HAMMER = ("I will bring you my brother's hammer.", "Promise me that.", "I promise.", "Good.")


def said(*texts: str, at: float = 0.0, **more: Any) -> Changes:
    """What the player and the character said in turn."""
    return Changes(
        experiences=tuple(
            Experience(
                **{
                    "npc": "brynja",
                    "player": "ann",
                    "game_time": at + number,
                    "kind": "dialogue",
                    "text": text,
                    "source": "said" if number % 2 else "heard",
                    **more,
                }
            )
            for number, text in enumerate(texts)
        )
    )


async def estimates(texts: Sequence[str]) -> list[int]:
    return [estimated_tokens(text) for text in texts]


async def ask(chronicle: Chronicle, query: str, **more: Any) -> Remembered:
    asked: dict[str, Any] = {
        "npc": "brynja",
        "player": "ann",
        "now": 100.0,
        "language": "en",
        "names": NAMES,
        "room": 300,
    }
    return await chronicle.recall(query, count=estimates, **(asked | more))


async def until(true: Callable[[], Awaitable[Any]]) -> Any:
    """The first result that is not empty."""
    with anyio.fail_after(60):
        while not (result := await true()):  # noqa: ASYNC110
            await anyio.sleep(0.005)
    return result


class Warnings(list[NpcError]):
    """What was told, and whether it was on the event loop's thread."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()

    def __call__(self, error: NpcError) -> None:
        assert threading.get_ident() == self.thread
        self.append(error)

    async def told(self) -> bool:
        return bool(self)

    @property
    def codes(self) -> list[str]:
        return [error.code for error in self]


@pytest.fixture
def warnings() -> Warnings:
    return Warnings()


def no_embedder(_: EmbedderName) -> None:
    return None


async def test_what_was_said_comes_back_in_another_run(tmp_path: Path, warnings: Warnings) -> None:
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        ids = await chronicle.commit(said(*HAMMER))
        assert len(ids) == 4
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        found = await ask(chronicle, "Do you remember the hammer?")
        assert found.lines[0] == 'Anna said: "I will bring you my brother\'s hammer."'
        assert found.ids[0] == ids[0]
        assert [memory.text for memory in await chronicle.recent("brynja", "ann", 2)] == list(HAMMER[2:])
    assert warnings == []


async def test_within_its_room_and_not_what_the_prompt_holds(tmp_path: Path, warnings: Warnings) -> None:
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        await chronicle.commit(said("A wolf is at the gate!", "A wolf? Here?"))
        assert len((await ask(chronicle, "the wolf")).lines) == 2
        assert (await ask(chronicle, "the wolf", recent=1)).lines == ('Anna said: "A wolf is at the gate!"',)
        assert await ask(chronicle, "the wolf", recent=2) == Remembered((), ())
        assert await ask(chronicle, "the wolf", room=0) == Remembered((), ())
        short = await ask(chronicle, "the wolf", room=12)
        assert len(short.lines) == 1 and short.lines[0].endswith('…"')
        assert estimated_tokens(short.lines[0] + "\n") <= 12


async def test_states_and_save_games(tmp_path: Path, warnings: Warnings) -> None:
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        state = StateDocument(npc="brynja", player=None, name="mood", document=[1, 2])
        await chronicle.commit(Changes(states=(state,)))
        assert await chronicle.states("brynja", None) == {"mood": [1, 2]}
        assert await chronicle.states("brynja", "ann") == {}
        await chronicle.save("one")
        await chronicle.commit(said("A wolf!"))
        await chronicle.save("two")
        await chronicle.load("one")
        assert (await ask(chronicle, "wolf")).lines == ()
        assert await chronicle.slots() == ("one", "two")
        with pytest.raises(InputError, match="three"):
            await chronicle.load("three")
        await chronicle.begin()
        assert await chronicle.states("brynja", None) == {}
        await chronicle.load("two")
        assert (await ask(chronicle, "wolf")).lines == ('Anna said: "A wolf!"',)
        assert await chronicle.states("brynja", None) == {"mood": [1, 2]}


async def test_worlds_see_nothing_of_one_another(tmp_path: Path, warnings: Warnings) -> None:
    async with (
        Chronicle(tmp_path, world="one", warn=warnings, find=no_embedder) as one,
        Chronicle(tmp_path, world="two", warn=warnings, find=no_embedder) as two,
    ):
        await one.commit(said("A wolf!"))
        assert (await ask(two, "wolf")).lines == ()
        assert len((await ask(one, "wolf")).lines) == 1


async def test_a_conversation_that_is_over_is_summarised(tmp_path: Path, warnings: Warnings) -> None:
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        await chronicle.commit(said(*HAMMER))
        chronicle.conclude("brynja", "ann", "en", NAMES)
        found = await until(lambda: lines(chronicle, "Hello!"))
        assert found[0].startswith("Anna: I will bring you my brother's hammer. Brynja: Promise me that.")


async def test_closing_waits_for_the_last_summary(tmp_path: Path, warnings: Warnings) -> None:
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        await chronicle.commit(said(*HAMMER))
        chronicle.conclude("brynja", "ann", "en", NAMES)
    with MemoryStore(tmp_path) as store:
        assert len(store.summaries("brynja", "ann")) == 1


async def test_a_long_conversation_is_summarised_while_it_goes_on(tmp_path: Path, warnings: Warnings) -> None:
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        await ask(chronicle, "Hello!")
        for number in range(20):
            await chronicle.commit(said(f"The wolf of hill {number} howls.", f"And wolf {number} bites.", at=number))
    with MemoryStore(tmp_path) as store:
        [made] = store.summaries("brynja", "ann")
        assert made.text.startswith("Anna: ")


async def lines(chronicle: Chronicle, query: str) -> tuple[str, ...]:
    return (await ask(chronicle, query)).lines


class Meaning:
    """An embedder for which all animals are one thing, and each other text another one."""

    name = "meaning"
    dimensions = 40

    def embed(self, texts: Sequence[str], *, query: bool) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(rows, texts, strict=True):
            beast = "wolf" in text or "beast" in text
            row[0 if beast else 1 + sum(map(ord, text)) % (self.dimensions - 1)] = 1.0
        return rows


async def test_the_embedder_comes_later_and_finds_what_is_meant(tmp_path: Path, warnings: Warnings) -> None:
    loads = threading.Event()

    def slow(_: EmbedderName) -> Meaning:
        loads.wait()
        return Meaning()

    async with Chronicle(tmp_path, warn=warnings, find=slow) as chronicle:
        await chronicle.commit(said(*(f"Number {number} it is." for number in range(20)), at=-(10**6)))
        await chronicle.commit(said("I saw a wolf."))
        assert await lines(chronicle, "wolf") == ('Anna said: "I saw a wolf."',)
        assert await lines(chronicle, "beasts?") == ()
        loads.set()
        assert await until(lambda: lines(chronicle, "beasts?")) == ('Anna said: "I saw a wolf."',)
        await chronicle.commit(said("The beast is dead.", at=50.0))
        await until(lambda: found(chronicle, "wolf!", "The beast is dead."))
    assert warnings == []


async def found(chronicle: Chronicle, query: str, text: str) -> bool:
    return any(text in line for line in await lines(chronicle, query))


async def test_an_embedder_that_fails_is_told_once(tmp_path: Path, warnings: Warnings) -> None:
    def broken(name: EmbedderName) -> None:
        raise ModelError(f"The embedder {name} is damaged.", hint="Install it again.")

    async with Chronicle(tmp_path, embedder="minilm", warn=warnings, find=broken) as chronicle:
        await chronicle.commit(said("A wolf!"))
        assert len(await lines(chronicle, "wolf")) == 1
        await until(warnings.told)
    [told] = warnings
    assert (told.message, told.code) == ("The embedder minilm is damaged.", "model")
    assert told.hint == "Install it again; until then memories are found by their words"


async def test_a_damaged_database_is_told_and_costs_nothing_else(tmp_path: Path, warnings: Warnings) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"SQLite format 3\0" + b"junk" * 999)
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        assert await lines(chronicle, "wolf") == ()
        await chronicle.commit(said("A wolf!"))
        assert len(await lines(chronicle, "wolf")) == 1
    assert warnings.codes == ["memory_broken"]


async def test_a_newer_database_is_kept(tmp_path: Path, warnings: Warnings) -> None:
    MemoryStore(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("PRAGMA user_version = 99")
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        assert await chronicle.commit(said("A wolf!"))
    assert warnings.codes == ["memory_newer"]
    assert (tmp_path / "memory.newer-1.db").is_file()


async def test_a_folder_that_is_a_file_costs_only_what_comes_after(tmp_path: Path, warnings: Warnings) -> None:
    (tmp_path / "state").write_text("not a folder")
    async with Chronicle(tmp_path / "state", warn=warnings, find=no_embedder) as chronicle:
        await chronicle.commit(said("A wolf!"))
        assert len(await lines(chronicle, "wolf")) == 1
        await chronicle.save("one")
    assert warnings.codes == ["memory_unwritable"]


async def test_what_cannot_be_stored_is_told_and_the_turn_goes_on(tmp_path: Path, warnings: Warnings) -> None:
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        broken = StateDocument(npc="brynja", player=None, name="mood", document=float("nan"))
        assert await chronicle.commit(Changes(states=(broken,))) == ()
        assert await chronicle.commit(said("A wolf!"))
    assert warnings.codes == ["internal"]


async def test_a_locked_database_is_told(tmp_path: Path, warnings: Warnings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npc_runtime.character.memory.database.BUSY_SECONDS", 0.01)
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        await chronicle.commit(said("A wolf!"))
        other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert await chronicle.commit(said("A bear!")) == ()
        assert await lines(chronicle, "wolf") != ()
        with pytest.raises(OutputError, match="in use by another program"):
            await chronicle.save("one")
        other.execute("ROLLBACK")
        other.close()
        assert await chronicle.commit(said("A bear!")) != ()
    assert warnings.codes == ["memory_busy"]


async def test_a_database_that_cannot_be_opened_is_told(
    tmp_path: Path, warnings: Warnings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("npc_runtime.character.memory.database.BUSY_SECONDS", 0.01)
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        await chronicle.commit(said("A wolf!"))
        assert len(await lines(chronicle, "wolf")) == 1
    other.close()
    assert warnings.codes == ["memory_unwritable"]
    assert "forgotten when the program ends" in warnings[0].hint


async def test_a_failure_inside_comes_out_as_it_is(tmp_path: Path, warnings: Warnings) -> None:
    with pytest.raises(InputError, match="nowhere"):
        async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
            await chronicle.load("nowhere")


async def test_a_turn_that_is_given_up_while_it_is_stored_is_stored(tmp_path: Path, warnings: Warnings) -> None:
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await chronicle.commit(said("A wolf!"))
        assert len(await lines(chronicle, "wolf")) == 1


async def test_a_view_that_was_made_before_gives_the_same(tmp_path: Path, warnings: Warnings) -> None:
    with MemoryStore(tmp_path) as store:
        store.commit(said(*(f"Wolf number {number} howls." for number in range(3000))))
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as cold:
        expected = await ask(cold, "wolf 77")
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as warm:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(warm.warm, "brynja", "ann", "en")
            await warm.recent("brynja", "ann", 1)  # more urgent: the view is begun anew
        assert await ask(warm, "wolf 77") == expected
    assert expected.lines


KILLED = """
import anyio, sys
from pathlib import Path
from npc_runtime.character.memory.records import Changes, Experience
from npc_runtime.chronicle import Chronicle

async def main():
    async with Chronicle(Path(sys.argv[1]), embedder="none", warn=print) as chronicle:
        for turn in range(10**6):
            wolf = Experience(
                npc="brynja", player="ann", game_time=turn, kind="dialogue", text=f"Wolf {turn}.", source="heard"
            )
            await chronicle.commit(Changes(experiences=(wolf,)))
            print(turn, flush=True)

anyio.run(main)
"""


async def test_what_was_committed_outlives_a_killed_process(tmp_path: Path, warnings: Warnings) -> None:
    async with await anyio.open_process(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, stderr=None
    ) as process:
        assert process.stdout is not None
        told = b""
        while told.count(b"\n") < 30:
            told += await process.stdout.receive()
        process.kill()
    turns = [int(line) for line in told.splitlines(keepends=True) if line.endswith(b"\n")]
    async with Chronicle(tmp_path, warn=warnings, find=no_embedder) as chronicle:
        kept = [memory.text for memory in await chronicle.recent("brynja", "ann", 10**6)]
        assert kept[: len(turns)] == [f"Wolf {turn}." for turn in turns]
        assert len((await ask(chronicle, "wolf 7")).lines) > 0
    assert warnings == []


def test_room_in_a_prompt() -> None:
    assert prompt_room(0, small=True) < prompt_room(0, small=False)
    assert prompt_room(99, small=True) == prompt_room(99, small=False) == 99
