"""What can only be seen by looking at several files: names that no other file defines, and ids that clash."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from npc_runtime.content.action import ActionPack
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.content_file import ContentFile
from npc_runtime.content.model_check import suggest
from npc_runtime.errors import Problem

VOICE_LANGUAGE = re.compile(r"([a-z]{2,3})_[A-Z]{2}-")
"""How Piper voices are named: `en_US-joe-medium`."""


def character_problems(file: ContentFile, known_actions: Collection[str]) -> list[Problem]:
    """What is wrong with a character, given the actions that packs define.

    Args:
        file: A character file.
        known_actions: The names of all actions.
    """
    character, source = file.model, file.source
    if not isinstance(character, CharacterFile) or source is None:
        return []
    problems = []
    for index, name in enumerate(character.actions):
        if name not in known_actions:
            message = f"no action pack defines `{name}`"
            problems.append(source.problem(("actions", index), message, suggest(name, sorted(known_actions))))
    for index, goal in enumerate(character.goals):
        for at, step in enumerate(goal.do):
            if step.action is not None and step.action not in character.actions:
                message = f"`{step.action}` is not among this character's `actions`"
                where = ("goals", index, "do", at, "action")
                problems.append(source.problem(where, message, suggest(step.action, character.actions)))
    spoken = VOICE_LANGUAGE.match(character.voice.name)
    if spoken and spoken.group(1) != character.language.split("-")[0]:
        message = f"this voice speaks `{spoken.group(1)}`, but the character's language is `{character.language}`"
        problems.append(source.problem(("voice", "name"), message, "change one of the two"))
    return problems


def repeated_ids(files: Iterable[ContentFile]) -> list[Problem]:
    """Files of one folder with the same id, and actions that two packs of one folder define.

    Files of different content folders may share ids: the first folder wins.
    """
    seen = SeenIds()
    return [problem for file in files for problem in seen.clashes(file)]


class SeenIds:
    """The ids that files have taken so far."""

    def __init__(self) -> None:
        self._owners: dict[tuple[Path, str | None, str], Path] = {}

    def clashes(self, file: ContentFile) -> list[Problem]:
        """Take the ids of one more file, and say which another one has already."""
        first = self._owners.setdefault((file.root, file.kind, file.id), file.path)
        if first != file.path:
            message = f"`{file.id}` is already the id of {first.name}"
            return [Problem(str(file.path), 0, 0, message, "rename one of the files")]
        problems = []
        if isinstance(file.model, ActionPack) and file.source is not None:
            for name in file.model.actions:
                other = self._owners.setdefault((file.root, "action", name), file.path)
                if other != file.path:
                    message = f"the action `{name}` is already defined in {other.name}"
                    hint = "remove one of them, or rename it"
                    problems.append(file.source.problem(("actions", name), message, hint, key=True))
        return problems
