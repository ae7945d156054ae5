"""The smith with her real model, over the real server: goals of her author, saves of the game, and a restart."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from tests.engines._serving import Game, Message, Server, started
from tests.engines.conftest import Run

pytestmark = pytest.mark.engine

GAME = {"client": {"name": "Hollowfen"}, "player": {"id": "tamsin", "name": "Tamsin"}, "audio": {"out": "none"}}
INSULT = "You are a fraud!"
PRAISE = "I am so sorry. You are the best smith I have ever met, thank you!"
CROWN = "The Guild sent me, and a golden crown with me."
LOST = "What did I lose?"
AGAIN = "Do you know my name?"
RING = "My name is Tamsin and I lost my brother's ring."
SPIED = """
import json, os
from npc_runtime.cli.main import main
from npc_runtime.llm.local import LocalModel

asked = LocalModel.stream

def stream(self, request):
    with open(os.environ["PROMPTS"], "a", encoding="utf-8") as file:
        file.write(json.dumps([message.text for message in request.messages]) + chr(10))
    return asked(self, request)

LocalModel.stream = stream
main()
"""
"""`npc-runtime` that writes down what its language model is asked."""


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server that keeps its state in a folder, and what its model was asked in `prompts.jsonl` there."""
    command = (sys.executable, "-c", SPIED)
    with started(folder / "state", folder / "log.txt", command, PROMPTS=str(folder / "prompts.jsonl")) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "log.txt").read_text(encoding="utf-8")
        yield Server(process, json.loads(line), folder / "log.txt")


@dataclass
class Story:
    """What became of a talk with the smith, by what she was told: her feelings at the end, and what she did."""

    folder: Path
    felt: dict[str, Message] = field(default_factory=dict)
    did: dict[str, list[str]] = field(default_factory=dict)

    async def say(self, game: Game, text: str) -> None:
        messages = [message for message, _ in await game.say(text, "brynja")]
        self.felt[text] = [message for message in messages if message["type"] == "emotion"][-1]
        self.did[text] = [
            f"{message['type']} {message.get('label') or message.get('name') or message.get('text')}"
            for message in messages
            if message["type"] in ("emotion", "say", "action")
        ]

    def prompts(self) -> list[str]:
        """What the model was asked."""
        lines = (self.folder / "prompts.jsonl").read_text(encoding="utf-8").splitlines()
        return ["\n".join(json.loads(line)) for line in lines]


async def _play(story: Story, server: Server) -> None:
    async with server.game(**GAME) as game:
        for text in (INSULT, PRAISE, RING):
            await story.say(game, text)
        await game.send("save", slot="ring")
        await game.until(lambda message: message["type"] == "saved")
        await story.say(game, CROWN)
        await game.send("load", slot="ring")
        await game.until(lambda message: message["type"] == "loaded")
        await story.say(game, LOST)
        await game.send("save", slot="end")  # what is saved is written
        await game.until(lambda message: message["type"] == "saved")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    played = Story(tmp_path_factory.mktemp("story"))
    with serving(played.folder) as server:
        anyio.run(_play, played, server)
    return played


def test_an_insult_angers_her_as_her_author_wants(story: Story) -> None:
    words = story.did[INSULT]
    assert words[0] == "emotion anger" and "say Then mend it yourself." in words and "action refuse_service" in words
    assert story.felt[INSULT]["relation"]["trust"] <= -0.2
    assert all(INSULT not in prompt.splitlines()[-1] for prompt in story.prompts())  # nobody asked the model


def test_praise_makes_up_for_some_of_it(story: Story) -> None:
    insulted, praised = story.felt[INSULT], story.felt[PRAISE]
    assert praised["relation"]["respect"] > insulted["relation"]["respect"]
    assert praised["mood"]["pad"][0] > insulted["mood"]["pad"][0]


def test_a_load_takes_back_what_came_after_the_save(story: Story, run: Run) -> None:
    before, banished, after = (story.felt[text]["relation"] for text in (RING, CROWN, LOST))
    assert banished["trust"] < before["trust"] - 0.3
    for axis, value in before.items():
        assert after[axis] == pytest.approx(value, abs=0.06), axis
    asked = story.prompts()[-1]
    assert asked.endswith(LOST) and RING in asked and "golden crown" not in asked
    arguments = ("memory", "export", "brynja", "--world", "Hollowfen", "--player", "tamsin")
    done = run(*arguments, "--state", str(story.folder / "state"))
    assert done.code == 0 and json.loads(done.out), done.err
    assert RING in done.out and LOST in done.out and "golden crown" not in done.out


@pytest.mark.anyio
async def test_what_was_said_is_in_mind_after_a_restart(story: Story) -> None:
    with serving(story.folder) as server:
        async with server.game(**GAME) as game:
            await story.say(game, AGAIN)
    asked = story.prompts()[-1]
    assert asked.endswith(AGAIN) and RING in asked
    before, after = (story.felt[text]["relation"] for text in (LOST, AGAIN))
    assert after["trust"] == pytest.approx(before["trust"], abs=0.06)
    assert after["familiarity"] > before["familiarity"]
