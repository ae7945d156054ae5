"""A smithy whose actions need the game, for tests of how they end."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.flow._village import write

from npc_runtime import events
from npc_runtime.content.library import Library

if TYPE_CHECKING:
    from tests.flow.conftest import Game

FILES = {
    "characters/brynja.yaml": """
name: Brynja Ironhand
persona: {summary: Blacksmith.}
style: {response_length: medium}
goals:
  - id: mend
    when: {keyword: [mend my sword]}
    do:
      - {say: "Let me see."}
      - {action: mend}
      - {relate: {trust: 0.1}}
      - {say: "There you go."}
      - {done: mended}
      - {action: nod}
    repeatable: true
  - id: lift
    when: {keyword: [lift the anvil]}
    do: [{action: lift}, {say: "So there."}]
    repeatable: true
  - id: gate
    when: {keyword: [open the gate]}
    do: [{action: gate}, {say: "Walk in."}]
    repeatable: true
  - id: vault
    when: {keyword: [open the vault]}
    do: [{action: vault}, {say: "All yours."}]
    repeatable: true
  - id: stock
    when: {keyword: [what is left]}
    do: [{action: stock}, {instruct: Name a price.}]
    repeatable: true
  - id: trade
    when: {keyword: [sell it]}
    do: [{action: trade}, {say: "Sold."}]
    repeatable: true
  - id: dance
    when: {keyword: [dance]}
    do: [{action: dance}, {instruct: Hum a tune.}]
    repeatable: true
  - id: bell
    when: {event: bell_rang}
    do: [{action: lift}, {say: "At the bell."}]
    repeatable: true
actions: [mend, lift, gate, vault, stock, trade, dance, nod]
barks: {failed: ["Lost my thread."], busy: ["Not now."]}
""",
    "characters/barnaby.yaml": """
name: Barnaby Holt
persona: {summary: Innkeeper.}
barks: {failed: ["Hm."], busy: ["Later."]}
actions: [lift, nod]
""",
    "actions/smithy.yaml": """
actions:
  mend:
    description: Mend it.
    target: entity
    needs_result: true
    timeout: 5s
    cooldown: 1h
    say:
      done: "The {target} is mended."
      failed: ["My hammer broke: {message}.", "The {target} will not hold."]
  lift: {description: Lift it., needs_result: true}
  stock: {description: Look what is left., needs_result: true}
  gate: {description: Open the gate., permission: ask, say: {refused: "The gate stays shut."}}
  vault: {description: Open the vault., permission: ask, needs_result: true, say: {done: "It is open, {player}."}}
  trade: {description: Trade., require: ["trust >= 0.9"], say: {refused: "Not with you, {player}."}}
  dance: {description: Dance., require: ["trust >= 0.9"]}
  nod: {description: Nod.}
""",
}


def smithy(folder: Path) -> Library:
    """The smithy, read from files that are written for it."""
    write(folder, FILES)
    library = Library.load([folder])
    assert library.problems == ()
    return library


async def ask(game: "Game", text: str, until: str) -> int:
    """Say something, and wait for an action; returns how much had been told before the answer."""
    before = await game.settle()
    await game.type(text)
    await game.until(until)
    await game.settle()
    return before


async def answer(game: "Game", status: str = "done", **more: Any) -> None:
    """Say how the latest action went."""
    await game.send("action.result", id=latest(game).id, status=status, **more)


def latest(game: "Game") -> events.Action:
    """The latest action that the game was sent."""
    action: events.Action = game.of(events.Action)[-1]
    return action


def told(game: "Game", since: int = 0) -> list[str]:
    """What the game was told, without states and the shows of feelings; what is said in one go as one line."""
    plain = ("say ", "do ", "notice ", "end ", "event", "speech.stop", "error")
    found: list[str] = []
    for line in game.lines(since):
        if line.startswith("say ") and found and found[-1].startswith("say ") and found[-1][-1] not in ".!?":
            found[-1] += line.removeprefix("say")
        elif line.startswith(plain):
            found.append(line)
    return found


def prompt(game: "Game") -> str:
    """What the model was told last."""
    return game.mind.requests[-1].messages[-1].text
