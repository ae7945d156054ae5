"""Worlds of a real game server, with players who come in over the network."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.games._luanti import World, server_program
from tests.games._player import Player
from tests.games._scripted import Script, Session


@pytest.fixture(scope="session", autouse=True)
def minetest_server() -> None:
    if server_program() is None and not os.environ.get("NPC_TEST_ALL"):
        pytest.skip("minetest-server is not installed")


@dataclass
class Stage:
    """Ann in front of Tilda, in a world whose runtime follows a script."""

    world: World
    script: Script
    ann: Player

    @property
    def session(self) -> Session:
        return self.script.of("Ann")

    def place(self, character: str = "tilda") -> None:
        """Put Ann to where everything begins, and a character in front of her."""
        self.world.until(lambda: self.world.player("Ann"), "Ann is not there")
        self.order("go", 0, 8.5, 0)
        self.order("look", 0)
        self.ann.say(f"/npc_spawn {character}")
        self.world.until(
            lambda: (found := self.world.person(character)) and abs(found["pos"]["x"]) < 0.1 and found["pos"]["z"] == 2,
            "nobody was placed",
        )
        self.world.until(lambda: any(one.got for one in self.script.sessions), "no session is opened")

    def order(self, *words: object) -> None:
        """Have the test mod do something with Ann."""
        self.world.order(self.ann, *words)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, minetest_server: None) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("luanti")
    script = Script(folder)
    world = World(folder, script.url)
    with closing(script), script.running(), world.running(), Player("Ann", world.port) as ann:
        made = Stage(world, script, ann)
        made.place()
        yield made


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    with closing(Script(tmp_path)) as made:
        yield made
