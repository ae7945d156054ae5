"""One file of a content folder: which kind it is, what it holds, and everything that is wrong with it."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from npc_runtime.content import yaml_file
from npc_runtime.content.action import ActionPack
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.conversation import ConversationTest
from npc_runtime.content.fields import FILE_ID, FORMATS, AuthoredFile
from npc_runtime.content.knowledge import KnowledgeFile
from npc_runtime.content.model_check import check
from npc_runtime.content.scene_file import SceneFile
from npc_runtime.content.yaml_file import YamlFile
from npc_runtime.errors import ContentError, Problem

Kind = Literal["characters", "actions", "knowledge", "scenes", "tests"]
"""The folder that a file belongs into."""
KINDS: tuple[Kind, ...] = get_args(Kind)

Stamp = tuple[int, int, int]
"""When a file was written, in nanoseconds; its size in bytes; its number in the file system."""

MODELS: Mapping[Kind, type[AuthoredFile]] = {
    "characters": CharacterFile,
    "actions": ActionPack,
    "knowledge": KnowledgeFile,
    "scenes": SceneFile,
    "tests": ConversationTest,
}
_BESIDE = "assets"
"""Folder of a project in which what characters share may be, too."""
_TELLING: Mapping[str, Kind] = {
    "persona": "characters",
    "turns": "tests",
    "entities": "scenes",
    "place": "scenes",
    "actions": "actions",
    "facts": "knowledge",
}
"""Keys that tell the kind of a file outside of the known folders; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class ContentFile:
    """A file that was read."""

    path: Path
    kind: Kind | None
    """None when it cannot be told."""
    source: YamlFile | None
    """None when it is no YAML."""
    model: AuthoredFile | None
    """None when there are problems."""
    problems: tuple[Problem, ...]

    @property
    def id(self) -> str:
        """The name of the file without its ending."""
        return self.path.stem

    @property
    def root(self) -> Path:
        """The content folder it belongs to."""
        folder = _folder(self.path)
        if folder.name != self.kind:
            return folder
        above = folder.parent
        return above.parent if above.name == _BESIDE and not (above / "characters").is_dir() else above


def read(path: Path, kind: Kind | None = None) -> ContentFile:
    """Read and check a file by itself.

    Args:
        path: The file.
        kind: What it should be; by default its folder tells, or what is in it.
    """
    kind = kind or next((known for known in KINDS if _folder(path).name == known), None)
    try:
        source = yaml_file.load(path)
    except ContentError as error:
        return ContentFile(path, kind, None, None, error.problems)
    if kind is None and isinstance(source.data, dict):
        kind = next((_TELLING[key] for key in _TELLING if key in source.data), None)
    if kind is None:
        hint = "put it into a folder named " + ", ".join(KINDS[:-1]) + f" or {KINDS[-1]}"
        problem = Problem(str(path), 0, 0, "this is not recognisable as a content file", hint)
        return ContentFile(path, None, source, None, (*source.problems, problem))
    model, problems = check(MODELS[kind], source)
    if not _is_id(path.stem):
        name = Problem(str(path), 0, 0, f"the file name `{path.name}` cannot be an id", f"use {FORMATS[FILE_ID]}")
        return ContentFile(path, kind, source, None, (name, *problems))
    return ContentFile(path, kind, source, model, problems)


def paths_of(root: Path, kind: Kind) -> list[Path]:
    """The files of a kind in a content folder, by name; none if there is no such folder."""
    found: list[Path] = []
    for folder in _folders(root, kind):
        with suppress(OSError), os.scandir(folder) as files:
            found += [folder / name for name in sorted(file.name for file in files if is_content(file))]
    return found


def stamp(path: Path | str) -> Stamp | None:
    """What of a file changes whenever it is written; None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def stamps(roots: Iterable[Path], kinds: Iterable[Kind]) -> dict[str, Stamp]:
    """The stamps of all files of some kinds in content folders, by path: what a look at them costs is little."""
    found: dict[str, Stamp] = {}
    for folder in [folder for root in roots for kind in kinds for folder in _folders(root, kind)]:
        with suppress(OSError), os.scandir(folder) as files:
            for file in files:
                if is_content(file) and (written := stamp(file.path)) is not None:
                    found[file.path] = written
    return found


def is_content(file: Path | os.DirEntry[str]) -> bool:
    """Whether something looks like a content file: YAML, and not hidden."""
    return file.name.endswith((".yaml", ".yml")) and not file.name.startswith(".") and file.is_file()


def _folders(root: Path, kind: Kind) -> tuple[Path, ...]:
    """Where the files of a kind may be in a content folder."""
    return (root / kind, root / _BESIDE / kind) if kind in ("knowledge", "scenes") else (root / kind,)


def _folder(path: Path) -> Path:
    return Path(os.path.abspath(path)).parent


def _is_id(stem: str) -> bool:
    folded = stem.replace("-", "").replace("_", "")
    return len(stem) <= 64 and folded.isascii() and folded.isalnum() and stem == stem.lower() and stem[0] not in "-_"
