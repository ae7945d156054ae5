"""`check`: finds every mistake in authored files before a player does."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from npc_runtime.content.character import CharacterFile
from npc_runtime.content.content_file import KINDS, ContentFile, is_content, read
from npc_runtime.content.cross_check import character_problems, conversation_problems, repeated_ids
from npc_runtime.content.library import Library
from npc_runtime.content.pending import pending
from npc_runtime.errors import InputError, Problem
from npc_runtime.resources import bundled

_SETTINGS = "npc-runtime.toml"


def check(paths: Sequence[Path]) -> int:
    """Check files and content folders, and print what is wrong with them.

    Prints `file:line:column: message (hint)` for every mistake, the same with `note:` where parts do nothing yet, and
    one line that sums up.

    Args:
        paths: Files, or folders that are searched with everything below them.

    Returns:
        The exit code: 1 if there is a mistake, 0 otherwise.

    Raises:
        InputError: A path does not exist, or there is nothing to check.
    """
    found = list(dict.fromkeys(file for path in paths for file in _files(path)))
    if not found:
        hint = "content folders hold " + ", ".join(f"{kind}/*.yaml" for kind in KINDS) + f" and {_SETTINGS}"
        raise InputError(f"There is nothing to check in {', '.join(map(str, paths)) or 'no paths'}.", hint=hint)
    settings = [path for path in found if path.name == _SETTINGS]
    files = [read(path) for path in found if path.name != _SETTINGS]
    problems = {problem for file in files for problem in file.problems}
    problems.update(_across(files))
    problems.update(problem for path in settings for problem in _settings_problems(path))
    for problem in sorted(problems):
        sys.stdout.write(f"{problem}\n")
    for file in files:
        if unused := pending(file):
            names = ", ".join(part.message for part in unused)
            where = f"{file.path}:{unused[0].line}:{unused[0].column}"
            sys.stdout.write(f"{where}: note: this version checks but does not use yet: {names}\n")
    sys.stdout.write(_summary(len(found), len(problems)) + "\n")
    return 1 if problems else 0


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise InputError(f"{path} does not exist.", hint="check the spelling, or the folder you are in")
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        kind = Path(os.path.abspath(folder)).name
        for name in sorted(names):
            file = Path(folder, name)
            if name == _SETTINGS or (kind in KINDS and is_content(file)):
                yield file


def _across(files: Sequence[ContentFile]) -> Iterator[Problem]:
    """What only shows when each file is seen together with its content folder and the bundled content."""
    yield from repeated_ids(files)
    libraries: dict[Path, Library] = {}
    for file in files:
        if file.kind not in ("characters", "tests"):
            continue
        library = libraries.get(file.root)
        if library is None:
            library = libraries[file.root] = Library.load([file.root, bundled()])
        if file.kind == "characters":
            yield from character_problems(file, library.action_names)
        else:
            characters: dict[str, CharacterFile | None] = dict.fromkeys(library.ids)
            characters.update({character.id: character for character in library.characters()})
            yield from conversation_problems(file, characters)


def _settings_problems(path: Path) -> list[Problem]:
    from npc_runtime.config import problems

    return problems(path)


def _summary(files: int, problems: int) -> str:
    checked = f"{files} file{'' if files == 1 else 's'} checked"
    found = f"{problems} problem{'' if problems == 1 else 's'}" if problems else "all good"
    return f"{checked}, {found}"
