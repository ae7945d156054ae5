"""Replies as JSON and as function calls through a whole turn: what is felt, said and done arrives as from tags."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests._fault_server import DONE, Answer, FaultServer, Step, call, chunk, reply

from npc_runtime import events
from npc_runtime.config import LlmSettings, Settings
from npc_runtime.content.library import Library
from npc_runtime.engines import Engines, running
from npc_runtime.events import Event
from npc_runtime.interview import Interview
from npc_runtime.llm.backend import ReplyFormat
from npc_runtime.minds import on_terms
from npc_runtime.session import Session

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

MIRA = """
name: Mira Holloway
persona: {summary: Keeper of the lighthouse.}
style: {response_length: medium}
actions: [ring_bell]
"""
BELL = """
actions:
  ring_bell:
    description: Ring the fog bell, when the player asks for it.
    args: {times: {type: integer, min: 1, max: 12}}
"""
LINE = "There is a ship out there, and fog is coming in."
SAID = "Then we must hurry. Hold the lamp for me."
WORDS = ["Then we must hurry.", "Hold the lamp for me."]


def tags() -> list[Step]:
    return reply(
        "[emotion tension strong] ", "Then we must hurry. ", "Hold the lamp for me. ", "[action ring_bell times=3]"
    )


def objects() -> list[Step]:
    said = {"emotion": "tension", "strength": "strong", "speech": SAID}
    text = json.dumps(said | {"actions": [{"action": "ring_bell", "times": 3}]})
    return reply(*(text[at : at + 7] for at in range(0, len(text), 7)))


def tools(*arguments: str) -> list[Step]:
    calls = [chunk(calls=[call(0, "ring_bell" if not number else "", piece)]) for number, piece in enumerate(arguments)]
    spoken = [chunk("[emotion tension strong] Then we must "), chunk("hurry. Hold the lamp for me.")]
    return [*spoken, *calls, chunk(finish="tool_calls"), DONE]


async def turn(engines: Engines, library: Library, settings: Settings) -> Sequence[Event]:
    told: list[Event] = []
    session = Session(
        library,
        ears=engines.ears,
        mind=on_terms(engines.mind, None, settings, "s", told.append),
        mouth=engines.mouth,
        emit=told.append,
    )
    await Interview(session).say("mira", LINE)
    return told


def texts(told: Sequence[Event]) -> list[str]:
    return [event.text for event in told if isinstance(event, events.Say)]


@pytest.fixture
def content(tmp_path: Path) -> Path:
    for name, text in (("characters/mira.yaml", MIRA), ("actions/bell.yaml", BELL)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


async def test_every_form_gives_the_same_turn(content: Path) -> None:
    library = Library.load([content])
    scripts: dict[ReplyFormat, list[list[Step]]] = {
        "tags": [tags()],
        "json": [objects()],
        "tools": [tools('{"tim', 'es": 3}'), tools('{"times": 3'), tools("[[[")],
    }
    with FaultServer() as service:
        for form, scripted in scripts.items():
            llm = LlmSettings(provider="openai", base_url=service.url, reply_format=form, fallback=())
            settings = Settings(llm=llm, content=content, state=content / "state")
            async with running(settings, list(library.characters()), ears=False, conversations=1) as engines:
                for number, steps in enumerate(scripted):
                    service.script(Answer(steps))
                    told = await turn(engines, library, settings)
                    end = told[-2]
                    assert isinstance(end, events.TurnEnd) and end.reason == "done", (form, told)
                    assert end.text == SAID, form
                    felt = [event for event in told if isinstance(event, events.Emotion) and event.turn]
                    assert felt[0].label == "tension", form
                    done = [(event.name, event.args) for event in told if isinstance(event, events.Action)]
                    whole = number == 0
                    assert done == ([("ring_bell", {"times": 3})] if whole else []), (form, number)
                    assert not [event for event in told if isinstance(event, events.Error)]
                    clauses = texts(told)
                    assert " ".join(clauses) == SAID and clauses[-1] == WORDS[-1]
                body = service.bodies[-1]
                assert ("response_format" in body, "tools" in body) == (form == "json", form == "tools")
