"""The mod, the real runtime with its embedded model, and a real server: what is said happens in the world."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.engines._serving import serving
from tests.games._luanti import CONTENT, World, distance
from tests.games._player import Player

pytestmark = pytest.mark.engine


@dataclass
class Village:
    world: World
    ann: Player

    def order(self, *words: object) -> None:
        self.world.order(self.ann, *words)

    def meet(self, character: str) -> None:
        """Put Ann in front of a character who stands still."""
        self.order("go", 0, 8.5, 0)
        self.order("look", 0)
        self.ann.say(f"/npc_spawn {character}")
        self.world.until(
            lambda: (found := self.world.person(character)) and distance(found, self.world.player("Ann")) < 3,
            f"no {character}",
        )
        self.order("hp", 20)

    def said(self, words: str, answer: str, name: str) -> None:
        """Say something, and wait for what the character's author wrote as the answer."""
        since = self.ann.say(words)
        self.ann.read(f"<{name}> {answer}", since=since, within=30)


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory, minetest_server: None) -> Iterator[Village]:
    folder: Path = tmp_path_factory.mktemp("village")
    with ExitStack() as stack:
        server = stack.enter_context(
            serving(folder / "state", folder / "runtime.log", NPC_RUNTIME_CONTENT=str(CONTENT))
        )
        world = World(folder, str(server.ready["url"]), npc_runtime__auto_allow="true")
        stack.enter_context(world.running())
        ann = stack.enter_context(Player("Ann", world.port))
        world.until(lambda: world.player("Ann"), "Ann is not there")
        yield Village(world, ann)


def test_a_pedlar_walks_along_stays_gives_takes_and_sells(village: Village) -> None:
    world, ann = village.world, village.ann
    village.meet("tilda")
    village.order("stock", "tilda", "npc_test:apple", 3)
    village.order("have", "npc_test:coin", 4)
    village.said("Follow me, please.", "Lead on", "Tilda Marsh")
    world.until(lambda: world.person("tilda")["doing"] == "follow", "she does not follow")
    village.order("go", 10, 8.5, 0)
    world.until(lambda: distance(world.person("tilda"), world.player("Ann")) < 3.5, "she stands still")
    village.said("Stay here.", "Here I stand", "Tilda Marsh")
    world.until(lambda: world.person("tilda")["doing"] == "nothing", "she does not stay")
    village.said("Can I have an apple?", "Here, take it", "Tilda Marsh")
    world.until(lambda: world.player("Ann")["things"].get("npc_test:apple") == 1, "she gives nothing")
    assert world.person("tilda")["goods"] == {"npc_test:apple": 2}
    village.said("Take this coin, it is for you.", "For me?", "Tilda Marsh")
    world.until(lambda: world.person("tilda")["goods"].get("npc_test:coin") == 1, "she takes nothing")
    village.said("What do you sell?", "Have a look.", "Tilda Marsh")
    assert "npc_test:apple" in ann.window("npc_runtime:trade")


def test_a_pedlar_runs_from_threats_and_looks_afraid(village: Village) -> None:
    world = village.world
    village.meet("tilda")
    village.said("I will kill you!", "Help!", "Tilda Marsh")
    world.until(lambda: distance(world.person("tilda"), world.player("Ann")) > 8, "she does not run")
    assert "face_afraid" in world.person("tilda")["texture"]


def test_a_watchman_answers_in_words_that_no_author_wrote(village: Village) -> None:
    village.meet("corwin")
    written = (CONTENT / "characters" / "corwin.yaml").read_text(encoding="utf-8")
    since, name = village.ann.say("Corwin, when do you stand watch?"), "<Corwin Vale> "

    def own() -> bool:
        """Whether the model spoke: a greeting, or an excuse when it fails, is written."""
        said = [line.removeprefix(name) for at, line in list(village.ann.chat) if at >= since and line.startswith(name)]
        return any(line not in written for line in said)

    village.world.until(own, "the model says nothing", within=30)


def test_a_watchman_warns_first_and_strikes_when_he_is_angry(village: Village) -> None:
    world = village.world
    village.meet("corwin")
    village.said("Corwin, I will attack you!", "Say that once more", "Corwin Vale")
    world.until(lambda: "face_angry" in world.person("corwin")["texture"], "he does not look angry")
    assert world.person("corwin")["doing"] == "nothing"
    assert world.player("Ann")["hp"] == 20
    village.said("I will kill you, Corwin!", "Enough.", "Corwin Vale")
    world.until(lambda: world.player("Ann")["hp"] < 20, "he does not strike")
