"""A village whose characters have goals, knowledge, secrets and limits, for tests of what authors are certain of."""

from collections.abc import Mapping
from pathlib import Path

from tests.flow._scripted import Mind, Script

from npc_runtime.content.library import Library

FILES = {
    "characters/brynja.yaml": """
name: Brynja Ironhand
aliases: [Brynja]
persona: {summary: Blacksmith of Hollowfen., traits: {agreeableness: -0.4, neuroticism: 0.3}}
style: {response_length: medium}
knowledge: {packs: [fen], facts: ["The north bridge is out since the flood."], filter: strict}
relationships: {default: {trust: 0.25}}
goals:
  - id: banished
    when: {keyword: [the guild sent me]}
    do:
      - {emotion: {label: anger, intensity: 0.9}}
      - {say: "Out of here."}
      - {action: refuse_service}
      - {relate: {trust: -0.6}}
      - {event: {name: alarm, params: {level: 2}}}
      - {done: enemy}
  - id: trade
    when: {intent: [show me your wares, what do you sell]}
    require: ["not done(enemy)"]
    do: [{instruct: Name a price.}, {action: open_trade}]
    repeatable: true
    cooldown: 30s
  - id: riddle
    when: {keyword: [whose side]}
    do:
      - {say: "Yours."}
      - {emotion: {label: joy, intensity: 0.9}}
      - {action: nod}
      - {relate: {trust: -0.9}}
      - {action: nod}
      - {done: told}
      - {action: refuse_service}
      - {emotion: {label: contempt, intensity: 0.9}}
      - {say: "Or nobody's."}
  - id: friend
    when: {keyword: [i found your brother]}
    do: [{relate: {trust: 0.5}}, {say: "Thank you."}]
  - id: bell
    when: {event: bell_rang}
    do: [{instruct: Say what the bell means.}]
    repeatable: true
  - id: burned
    when: {event: forge_burned}
    do: [{emotion: {label: sadness, intensity: 0.9}}, {say: "My forge."}, {relate: {affection: -0.2}}]
actions: [refuse_service, open_trade, nod]
safety: {profanity: mild, violence: strict, self_harm: strict}
barks: {failed: ["Lost my thread."], busy: ["Not now."], refuse: ["Ask me about iron."]}
""",
    "characters/barnaby.yaml": """
name: Barnaby Holt
persona: {summary: Innkeeper.}
knowledge: {packs: [fen], filter: mild}
goals:
  - id: bell
    when: {event: bell_rang}
    do: [{say: "Closing time."}]
    repeatable: true
barks: {failed: ["Hm."], busy: ["Later."]}
""",
    "characters/thora.yaml": """
name: Thora Vane
persona: {summary: Captain of the watch.}
knowledge: {packs: [fen]}
barks: {failed: ["Hm."], busy: ["Later."]}
""",
    "actions/village.yaml": """
actions:
  refuse_service: {description: Turn the player away., require: ["done(told) or done(banished)"]}
  open_trade: {description: Show what you sell.}
  nod: {description: Nod., require: ["trust >= 0"]}
""",
    "knowledge/fen.yaml": """
facts:
  - text: Six guards share one horse.
  - text: The watchword at the north gate is heron.
    keys: [watchword]
    known_by: brynja
    secret: true
    tell_when: ["trust >= 0.6"]
""",
}


def village(folder: Path, **changed: str) -> Library:
    """The village, read from files that are written for it.

    Args:
        folder: Where to.
        changed: Texts of other files of characters, by their ids.
    """
    write(folder, FILES | {f"characters/{id}.yaml": text for id, text in changed.items()})
    library = Library.load([folder])
    assert library.problems == ()
    return library


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files of a content folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class SmallMind(Mind):
    """A mind that is told less."""

    small = True


def minds(*replies: str, small: bool = False) -> Mind:
    """A mind that writes these replies, the last one again and again."""
    scripts: list[Script] = [(0.1, reply) for reply in replies]
    return (SmallMind if small else Mind)(*scripts)
