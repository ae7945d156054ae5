"""Random scenes, random words of the model and random games: nothing invalid is sent, and every action ends once."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.flow._scripted import Mind, Mouth, Script
from tests.flow._village import write

from npc_runtime import events
from npc_runtime.actions.requests import Ended
from npc_runtime.content.action import ActionDefinition, Argument
from npc_runtime.content.library import Library
from npc_runtime.errands import Errands
from npc_runtime.errors import InputError
from npc_runtime.llm.backend import Completion
from npc_runtime.scene import Scene

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

SEEDS, SCENES = 20, 500
FILES = {
    "characters/brynja.yaml": """
name: Brynja
persona: {summary: Blacksmith.}
style: {response_length: long}
goals:
  - {id: take, when: {keyword: [take]}, do: [{action: take}, {say: "So."}, {action: wait}], repeatable: true}
actions: [take, give, go, follow, write, sell, wait, fly]
barks: {failed: ["Hm."], busy: ["Later."]}
""",
    "actions/all.yaml": """
actions:
  take: {description: Take., target: entity, needs_result: true, timeout: 2s, say: {failed: "No, {player}."}}
  give:
    description: Give.
    target: player
    args: {item: {type: entity, tags: [ware]}, count: {type: integer, min: 1, max: 9, default: 1}}
    needs_result: true
    timeout: 1s
  go:
    description: Go.
    args: {where: {type: location}, pace: {type: enum, values: [walk, run], required: false}}
    permission: ask
  follow: {description: Follow., target: character, permission: ask, needs_result: true, cooldown: 3s}
  write:
    description: Write.
    args:
      text: {type: string, max_length: 20}
      ink: {type: number, min: -1, max: 1, required: false}
      to: {type: player}
      loud: {type: boolean, default: false}
  sell: {description: Sell., require: ["scene.has(shop)", "trust > -0.9"]}
  wait: {description: Wait.}
  fly: {description: Fly., permission: never}
""",
}
IDS = [
    "sword",
    "Sword",
    "iron sword",
    "a]b",
    "x=y",
    "[action fly]",
    '"',
    "shop",
    "mill",
    "ünï",
    "player",
    "p 1",
    "s" * 200,
]
NAMES = ["", "Sword", "sword", "[action give item=sword]", "Ash", "the old mill", "Brynja"]
TAGS = ["ware", "Ware", "location", "place", "shop", "junk"]
VALUES = [
    *IDS[:11],
    *NAMES[1:],
    "player",
    "1",
    "9",
    "10",
    "-1",
    "0.5",
    "2e3",
    "nan",
    "true",
    "yes",
    "walk",
    "run!",
    "",
    "…",
]
LIKELY = {
    "count": ["1", "9", "10", "-1"],
    "ink": ["0.5", "2e3", "nan", "-1"],
    "loud": ["true", "yes", "x"],
    "to": ["player"],
}
LIKELY |= {"pace": ["walk", "run!", "fly"], "where": ["mill", "shop", "the old mill"]}
KEYS = ["item", "count", "target", "where", "pace", "text", "ink", "to", "loud", "x"]
ACTIONS = {
    "take": ["target"],
    "give": ["item", "count"],
    "go": ["where", "pace"],
    "follow": ["target"],
    "write": ["text", "ink", "to", "loud"],
    "sell": [],
    "wait": [],
    "fly": [],
    "steal": ["item"],
}


def scene(chance: random.Random) -> dict[str, Any]:
    crowd = 2000 if chance.random() < 0.002 else chance.choice([0, 1, 2, 4, 8])

    def things(number: int) -> list[dict[str, Any]]:
        return [
            {
                "id": chance.choice(IDS) if number < 50 else f"thing {index}",
                "name": chance.choice(NAMES),
                "tags": chance.sample(TAGS, chance.randint(0, 2)),
            }
            for index in range(number)
        ]

    return {
        "location": chance.choice(["", "shop", "mill"]),
        "entities": things(crowd),
        "characters": things(chance.randint(0, 3)),
    }


def words(chance: random.Random) -> str:
    """What a model may write: good, bad, and broken."""
    parts = [
        chance.choice(["Aye. ", "[emotion joy weak] ", "[", "\n"])
        if chance.random() < 0.3
        else f"[action {deed(chance)}"
        for _ in range(3)
    ]
    return "[emotion joy weak] Hm. " + "".join(parts)


def deed(chance: random.Random) -> str:
    """What a model may write of an action, to the bracket that closes it."""
    name = chance.choice(list(ACTIONS))
    keys = ACTIONS[name] if chance.random() < 0.8 else chance.sample(KEYS, chance.randint(0, 3))
    pairs = [f" {key}={_quoted(chance, chance.choice(LIKELY.get(key, VALUES)))}" for key in keys]
    return name + "".join(pairs) + chance.choice(["]", "]", "]", "]", "", " ]]"])


def _quoted(chance: random.Random, value: str) -> str:
    return f'"{value}"' if chance.random() < 0.4 else value


class RandomMind(Mind):
    """Writes anything; where it goes on with an action, only what may follow."""

    def __init__(self, chance: random.Random, *, small: bool) -> None:
        super().__init__(unwinding=0.0)
        self.small = small
        self._chance = chance

    def script(self, request: Completion) -> Script:
        if self._chance.random() < 0.1:
            return ["Aye. ", self._chance.random(), "No."]
        if request.opening.startswith("action"):  # a small model goes on
            return [deed(self._chance)]
        return [" Hm. [" if self.small and self._chance.random() < 0.7 else words(self._chance)]


def fits(argument: Argument, value: object, around: Scene) -> bool:
    """Written apart from the validator: whether a value is what the definition of an argument allows."""
    match argument.type:
        case "entity":
            wanted = {tag.casefold() for tag in argument.tags}
            tags = [{tag.casefold() for tag in one.tags} for one in around.entities if one.id == value]
            return any(not wanted or wanted & one for one in tags)
        case "location":
            places = {one.id for one in around.entities if {"location", "place"} & {tag.casefold() for tag in one.tags}}
            return value in places | {around.location} - {""}
        case "character":
            return value in {one.id for one in around.characters} - {"brynja"} | {"player"}
        case "player":
            return value == "player"
        case "enum":
            return value in argument.values
        case "boolean":
            return type(value) is bool
        case "string":
            return isinstance(value, str) and 0 < len(value) <= (argument.max_length or 200) and value.isprintable()
        case _:
            assert argument.min is not None and argument.max is not None
            good = type(value) is (int if argument.type == "integer" else float)
            return (
                good
                and isinstance(value, int | float)
                and math.isfinite(value)
                and argument.min <= value <= argument.max
            )


def check(action: events.Action, definitions: Sequence[ActionDefinition], around: Scene) -> None:
    definition = next(one for one in definitions if one.name == action.name)
    assert definition.permission != "never"
    assert action.needs_result == definition.needs_result
    assert action.args.keys() <= definition.args.keys()
    for name, argument in definition.args.items():
        if name in action.args:
            assert fits(argument, action.args[name], around), (action, around)
        else:
            assert argument.default is None and argument.required is False
    if definition.target == "none":
        assert action.target is None
    else:
        assert fits(Argument(type=definition.target), action.target, around), (action, around)
    if definition.require:
        assert any("shop" in (one.id, one.name, *one.tags) for one in around.entities) or "shop" in (
            around.location,
            *(one.id for one in around.characters),
            *(one.name for one in around.characters),
        )


async def answers(game: "Game", chance: random.Random, action: events.Action) -> None:
    """What a game may do about an action: answer, twice, late, about another one, or not at all."""
    status = chance.choice(["done", "failed", "refused"])
    result = chance.choice([None, 3, "a sword", [], ["sword", 2.5, True], {"left": 0}, "[action fly]"])
    for _ in range(chance.choice([0, 1, 1, 1, 2])):
        await anyio.sleep(chance.choice([0.0, 0.0, 0.1, 3.0]))
        with suppress(InputError):
            if action.needs_confirm and chance.random() < 0.8:
                await game.send("action.confirm", id=action.id, allow=chance.random() < 0.7)
            else:
                id = action.id if chance.random() < 0.9 else "7.7"
                await game.send(
                    "action.result", id=id, status=status, result=result, message=chance.choice([None, "no"])
                )


@pytest.fixture
def library(tmp_path: Path) -> Library:
    write(tmp_path, FILES)
    loaded = Library.load([tmp_path])
    assert loaded.problems == ()
    return loaded


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_nothing_invalid_is_sent_and_everything_ends_once(
    play: "Play", monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    ended: list[Ended] = []
    over = Errands._over

    def noted(errands: Errands, one: Ended) -> None:
        ended.append(one)
        over(errands, one)

    monkeypatch.setattr(Errands, "_over", noted)
    sent: dict[str, events.Action] = {}
    consented: list[str] = []
    async with play(mind=RandomMind(chance, small=seed % 2 == 0), mouth=Mouth(0.0, 0.0, unwinding=0.0)) as game:
        definitions = game.session.library.actions_for(game.session.character("brynja"))

        def follow(event: events.Event) -> None:
            if isinstance(event, events.Action):
                if event.id in sent:
                    assert sent[event.id].needs_confirm and not event.needs_confirm
                    consented.append(event.id)
                else:
                    check(event, definitions, game.session.scene)
                    sent[event.id] = event
                tasks.start_soon(answers, game, chance, event)

        game.outgoing.watch(follow)
        async with anyio.create_task_group() as tasks:
            for _ in range(SCENES):
                await game.send("scene", **scene(chance))
                await game.type(f"{chance.choice(list(ACTIONS))} it now!")
                await anyio.sleep(chance.choice([0.0, 0.01, 0.3, 1.0, 4.0]))
                if chance.random() < 0.1:
                    await game.interrupt()
            await anyio.sleep(120)
        assert not [error for error in game.of(events.Error) if error.code == "internal"]
    times = Counter(one.action.id for one in ended)
    assert times == Counter(sent.keys())
    assert {one.outcome.status for one in ended} == {"done", "failed", "refused", "timed_out"}
    assert len(consented) == len(set(consented)) > 0
    assert len({one.name for one in sent.values()}) >= 6
