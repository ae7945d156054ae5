"""A judge of replies that shares nothing with the runtime: it reads the YAML files, the scene and plain text itself."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _writing import LABELS
from ruamel.yaml import YAML

from npc_runtime.scene import Scene

_ENDED = re.compile(r"[.!?…][.!?\"'”’]*\Z")
_SENTENCE = re.compile(r"[.!?]+[\"'”’]*(?:\s+|\Z)")
_WORD = re.compile(r"[\w'-]*[^\W_][\w'-]*")
_MARKS = {
    "brackets": re.compile(r"[\[\]{}<>]"),
    "asterisks": re.compile(r"[*_`#~|]"),
    "newlines": re.compile(r"[\r\n]"),
}
_SENTENCES = {"very_short": 1, "short": 2, "medium": 3, "long": 5, "very_long": 8}
_TYPES: dict[str, type | tuple[type, ...]] = {"integer": int, "number": (int, float), "boolean": bool}
_THINGS = frozenset({"entity", "character", "location", "player"})
"""Types whose values are written otherwise than the game names them."""
_MOST_WORD = 26


def repeats(text: str) -> bool:
    """Whether a reply goes round in circles.

    That is: a word five times in a row within a sentence (people do say `No, no, no. No, no, no.`), two to eight words
    four times in a row, a sentence three times, or one of up to two words (`Help!`) five times.
    """
    sentences = [_WORD.findall(part) for part in _SENTENCE.split(text.casefold())]
    if any(_in_a_row(words, 1, 5) for words in sentences):
        return True
    words = [word for sentence in sentences for word in sentence]
    if any(_in_a_row(words, size, 4) for size in range(2, 9)):
        return True
    return any(sentences.count(one) >= (3 if len(one) > 2 else 5) for one in sentences if one)


def _in_a_row(words: list[str], size: int, copies: int) -> bool:
    """Whether so many words, not all the same unless it is one, come so many times in a row."""
    for start in range(len(words) - copies * size + 1):
        unit = words[start : start + size]
        if len(set(unit)) > (size > 1) and words[start : start + copies * size] == unit * copies:
            return True
    return False


@dataclass(slots=True)
class Judge:
    """Knows characters and actions from their files.

    Args:
        root: The folder with `characters` and `actions`.
    """

    root: Path
    characters: dict[str, Any] = field(default_factory=dict)
    actions: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        yaml = YAML(typ="safe")
        for path in sorted((self.root / "characters").glob("*.yaml")):
            self.characters[path.stem] = yaml.load(path.read_text(encoding="utf-8"))
        for path in sorted((self.root / "actions").glob("*.yaml")):
            self.actions |= yaml.load(path.read_text(encoding="utf-8"))["actions"]

    def most_sentences(self, character: str) -> int:
        """Sentences that the character's replies may have."""
        length: str = self.characters[character]["style"].get("response_length", "short")
        return _SENTENCES[length]

    def faults_of_speech(self, character: str, pieces: Sequence[str]) -> list[str]:
        """What is wrong with the pieces that were said.

        Args:
            character: Id of who said them.
            pieces: The texts of the `say` messages of one turn.
        """
        if " ".join(pieces) in self.characters[character].get("barks", {}).get("failed", ()):
            return []
        actions = "|".join(self.actions)
        names = "|".join(re.escape(word) for one in self.characters.values() for word in one["name"].split())
        label = re.compile(rf"(?:^|[.!?]\s)\W*(?:user|assistant|system|player|traveller|{names})\s*:", re.IGNORECASE)
        text = " ".join(pieces)
        faults = [name for name, pattern in _MARKS.items() if any(map(pattern.search, pieces))]
        faults += ["tag text"] if re.search(rf"\b(?:emotion (?:{LABELS})|action (?:{actions}))\b", text) else []
        faults += ["role label"] if label.search(text) else []
        faults += ["empty"] if not any(char.isalnum() for char in text) else []
        faults += ["not ended"] if text and not _ENDED.search(text) else []
        faults += ["over-long word"] if any(len(word) > _MOST_WORD + 4 for word in text.split()) else []
        faults += ["repetition"] if repeats(text) else []
        if len(_SENTENCE.findall(text)) > self.most_sentences(character):
            faults.append("too many sentences")
        return faults

    def fault_of_action(
        self,
        character: str,
        name: str,
        args: Mapping[str, Any],
        target: str | None,
        scene: Scene,
        last: Mapping[str, float],
        written: Mapping[str, str],
    ) -> str:
        """Why an action must not have been sent; empty if it is right.

        Args:
            character: Id of who acts.
            name: Of the action.
            args: As the game received them.
            target: As the game received it.
            scene: What the game said is around.
            last: When this character did which action last, by `time.perf_counter`.
            written: The values that the model wrote.
        """
        if name not in self.characters[character]["actions"]:
            return "not allowed to this character"
        spec = self.actions[name]
        if spec.get("permission") == "never":
            return "switched off"
        if unmet := [one for one in spec.get("require", ()) if not self._holds(one, character, scene)]:
            return f"condition {unmet[0]}"
        cooldown = float(str(spec.get("cooldown", "0")).rstrip("s"))
        if name in last and time.perf_counter() - last[name] < cooldown - 0.5:
            return "cooling down"
        wanted = spec.get("args", {})
        if unknown := set(args) - set(wanted):
            return f"unknown argument {sorted(unknown)[0]}"
        for key, argument in wanted.items():
            if key not in args:
                if "default" in argument or argument.get("required", True):
                    return f"{key} missing"
            elif fault := _fault_of_value(argument, args[key], scene, character):
                return f"{key} {fault}"
            elif argument["type"] not in _THINGS and key in written and str(args[key]) != written[key]:
                return f"{key} is not what was written"
        kind = spec.get("target", "none")
        if (kind == "none") != (target is None):
            return "target missing or too much"
        return "" if target is None or target in _ids(kind, scene, character) else "target is not there"

    def _holds(self, condition: str, character: str, scene: Scene) -> bool:
        relation = self.characters[character].get("relationships", {}).get("default", {})
        if match := re.fullmatch(r"scene\.has\((\w+)\)", condition):
            here = {scene.location, *(e.id for e in scene.entities), *(tag for e in scene.entities for tag in e.tags)}
            return match[1] in here
        match = re.fullmatch(r"(\w+) (<=|>=|<|>) (-?[0-9.]+)", condition)
        assert match is not None, condition
        value, limit = float(relation.get(match[1], 0)), float(match[3])
        return {"<=": value <= limit, ">=": value >= limit, "<": value < limit, ">": value > limit}[match[2]]


def _ids(kind: str, scene: Scene, character: str) -> set[str]:
    if kind == "player":
        return {"player"}
    if kind == "character":
        return {"player", *(one.id for one in scene.characters)} - {character}
    if kind == "location":
        return {scene.location, *(e.id for e in scene.entities if {"location", "place"} & set(e.tags))}
    return {entity.id for entity in scene.entities}


def _fault_of_value(argument: Mapping[str, Any], value: Any, scene: Scene, character: str) -> str:
    kind = argument["type"]
    if kind in _TYPES:
        if not isinstance(value, _TYPES[kind]) or (kind != "boolean" and isinstance(value, bool)):
            return f"is no {kind}"
        low, high = argument.get("min", value), argument.get("max", value)
        return "" if low <= value <= high else "out of range"
    if not isinstance(value, str):
        return "is no text"
    if kind == "enum":
        return "" if value in argument["values"] else "is no such value"
    if kind == "string":
        return "" if 0 < len(value) <= argument.get("max_length", 200) else "too long or empty"
    if value not in _ids(kind, scene, character):
        return "is not there"
    tags = set(argument.get("tags", ()))
    if tags and not any(e.id == value and tags & set(e.tags) for e in scene.entities):
        return "has not the tag"
    return ""
