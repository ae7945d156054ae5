"""`check`: finds every mistake in authored files before a player does."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from npc_runtime.cli import console
from npc_runtime.cli.check_goals import impossible
from npc_runtime.cli.check_knowledge import knowledge_warnings
from npc_runtime.cli.check_languages import language_problems, language_warnings
from npc_runtime.cli.tongue import shown
from npc_runtime.config import FILE_NAME, Settings, load, problems
from npc_runtime.content.content_file import KINDS, ContentFile, read
from npc_runtime.content.conversation_check import conversation_problems
from npc_runtime.content.cross_check import character_problems, repeated_ids
from npc_runtime.content.folder_check import knowledge_problems, warnings
from npc_runtime.content.library import Library
from npc_runtime.content.search import content_files, settings_files
from npc_runtime.errors import InputError, NpcError, Problem
from npc_runtime.models.registry import Registry
from npc_runtime.models.store import own_registry
from npc_runtime.resources import bundled


def check(paths: Sequence[Path]) -> int:
    """Check files and content folders, and print what is wrong with them.

    Prints `file:line:column: message (hint)` for every mistake, the same with `warning:` for what is allowed and
    rarely meant, with `note:` where parts do nothing yet, and one line that sums up.

    Args:
        paths: Files, or folders that are searched with everything below them.

    Returns:
        The exit code: 1 if there is a mistake, 0 otherwise.

    Raises:
        InputError: A path does not exist, or there is nothing to check.
    """
    authored, settings = content_files(paths), settings_files(paths)
    if not authored and not settings:
        hint = "content folders hold " + ", ".join(f"{kind}/*.yaml" for kind in KINDS) + f" and {FILE_NAME}"
        raise InputError(f"There is nothing to check in {', '.join(map(str, paths)) or 'no paths'}.", hint=hint)
    files = [read(path) for path in authored]
    wrong = {problem for file in files for problem in file.problems}
    wrong.update(problem for path in settings for problem in problems(path))
    wrong.update(repeated_ids(files))
    doubtful: set[Problem] = set()
    folders: dict[Path, list[ContentFile]] = defaultdict(list)
    for file in files:
        folders[file.root].append(file)
    for root, together in folders.items():
        library = Library.load([root, bundled()])
        wrong.update(_across(together, library))
        doubtful.update(warnings(together, library))
        doubtful.update(doubt for file in together for doubt in knowledge_warnings(file, library))
        doubtful.update(_languages(root, together, wrong, doubtful))
    for problem in sorted(wrong):
        sys.stdout.write(f"{console.problem(problem)}\n")
    for problem in sorted(doubtful - wrong):
        sys.stdout.write(f"{console.problem(problem, 'warning')}\n")
    sys.stdout.write(_summary(len(files) + len(settings), len(wrong), len(doubtful - wrong)) + "\n")
    return 1 if wrong else 0


def _across(files: Sequence[ContentFile], library: Library) -> Iterator[Problem]:
    """What only shows when each file is seen together with its content folder and the bundled content."""
    for file in files:
        yield from character_problems(file, library.action_names)
        yield from knowledge_problems(file, library)
        yield from impossible(file, library)
        yield from conversation_problems(file, library)


def _languages(root: Path, files: Sequence[ContentFile], wrong: set[Problem], told: set[Problem]) -> Sequence[Problem]:
    """Warnings about languages beyond those of other folders; what is plainly wrong goes into `wrong`."""
    found: list[Problem] = []
    try:
        settings = load(root)
        known = Registry.load(own_registry(settings.model_cache))
    except NpcError:  # a mistake in the settings, which is reported where they are checked
        settings, known = Settings(), Registry.load()
    for file in files:
        wrong.update(language_problems(file, settings, known))
        found += language_warnings(file, settings, known, told | set(found))
    return found


def _summary(files: int, problems: int, warnings: int) -> str:
    checked = f"{files} file{'' if files == 1 else 's'} checked"
    found = f"{problems} problem{'' if problems == 1 else 's'}" if problems else "all good"
    doubts = f"{warnings} warning{'' if warnings == 1 else 's'}" if warnings else ""
    return shown(checked) + ", " + shown(found) + (f", {shown(doubts)}" if doubts else "")
