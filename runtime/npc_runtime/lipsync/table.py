"""The canonical phone table: which mouth poses an IPA phone of a language is made of.

The facts live in `assets/visemes/phones.json`; its legend is the README beside it.
"""

import functools
import logging
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from npc_runtime.lipsync.asset import damaged, read_asset
from npc_runtime.resources import bundled

_LOG = logging.getLogger(__name__)
_STRICT = ConfigDict(extra="forbid")

Unit = Annotated[float, Field(ge=0, le=1)]
Shapes = tuple[tuple[str, float], ...]
"""Names and weights 0..1 that show together, strongest first."""
VOWELS = frozenset({"vowel", "diphthong", "glide"})
"""Articulation classes whose pose a neighbouring `h` takes on."""
_JOINED = frozenset({"diphthong", "affricate"})
_LETTERS = frozenset({"Ll", "Lu", "Lo"})
"""Unicode categories that can be phones; modifier letters, accents, digits and brackets have no pose."""
_TIE = "\u0361"


@dataclass(frozen=True, slots=True)
class Pose:
    """What the mouth does during one step of a phone; most phones have one step, diphthongs and affricates two."""

    phone: str
    """The phone as the table spells it; empty for silence."""
    kind: str
    """Articulation class, such as `vowel` or `bilabial`; `silence` when nothing is said."""
    shapes: Shapes
    """Canonical shapes, named as Oculus names them."""
    jaw: float = 0.0
    """How far the jaw is open, 0..1."""
    round: float = 0.0
    """How far the lips are rounded, 0..1."""
    share: float = 1.0
    """Part of the phone's time; the shares of a phone add up to 1."""
    hold: Literal["", "next", "previous"] = ""
    """Whose pose this phone borrows, having none of its own to see."""
    ids: Mapping[str, Shapes] = field(default_factory=dict, repr=False)
    """Shapes of the target sets that are defined per phone, by set; an empty tuple is the mouth at rest."""


SILENCE = Pose(phone="", kind="silence", shapes=(("sil", 1.0),))


@dataclass(frozen=True, slots=True)
class Contact:
    """Lips that must be seen to touch: the weight a shape reaches at least, and for how long."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    weight: Unit
    ms: Annotated[float, Field(gt=0)]


@dataclass(frozen=True, slots=True)
class _Step:
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    shapes: Mapping[str, Unit]
    rhubarb: str
    skyrim: str
    vrm: Mapping[str, Unit]
    share: Unit = 1.0


@dataclass(frozen=True, slots=True)
class _Phone:
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    ipa: Annotated[str, Field(min_length=1)]
    languages: tuple[str, ...]
    kind: Annotated[str, Field(alias="class")]
    jaw: Unit
    round: Unit
    azure: Mapping[str, tuple[str, ...]]
    steps: Annotated[tuple[_Step, ...], Field(min_length=1)]
    hold: Literal["", "next", "previous"] = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _File:
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    version: Literal[1]
    about: str
    marks: tuple[str, ...]
    pauses: tuple[str, ...]
    aliases: Mapping[Annotated[str, Field(min_length=1, max_length=1)], str]
    unknown: str
    stress: Annotated[float, Field(ge=1)]
    contacts: Mapping[str, Contact]
    jaw_caps: Mapping[str, Unit]
    phones: tuple[_Phone, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The poses of one phone string in order, and what in it the table does not know."""

    poses: tuple[Pose, ...]
    """Shares add up to 1; empty if the string holds nothing but marks."""
    unknown: str = ""


class PhoneTable:
    """Looks phones up by language, falling back to any language that has them.

    Args:
        path: The table, a JSON file.

    Raises:
        SetupError: The file is missing, damaged or contradicts itself.
    """

    def __init__(self, path: Path) -> None:
        data = read_asset(path, _File)
        self.stress: float = data.stress
        """Factor on the weights of a stressed phone."""
        self.contacts: Mapping[str, Contact] = data.contacts
        self.jaw_caps: Mapping[str, float] = data.jaw_caps
        self._marks = frozenset(data.marks)
        self._pauses = frozenset(data.pauses)
        self._aliases = str.maketrans({_TIE: "", **data.aliases})
        self._rows: dict[str, list[_Phone]] = {}
        for row in data.phones:
            _check(row, data.contacts, path)
            self._rows.setdefault(unicodedata.normalize("NFC", row.ipa), []).append(row)
        if data.unknown not in self._rows:
            raise damaged(path, f"the stand-in for unknown phones, {data.unknown!r}, is not in the table")
        self._languages = frozenset(language for row in data.phones for language in row.languages)
        self._longest = max(map(len, self._rows))
        self._neutral = _poses(self._rows[data.unknown][0], "")[0]
        self._cache: dict[tuple[str, str], Resolved] = {}

    def resolve(self, ipa: str, language: str) -> Resolved:
        """The poses of a phone.

        Composes the string (NFC), takes the longest known phone at each place, first of this language, then of any,
        and drops marks that are left. What is still unknown is shown as a neutral vowel and named once in the log.

        Args:
            ipa: One phone, or several written together; empty, or a punctuation mark, for silence.
            language: ISO 639-1 code; a region after it is ignored.
        """
        key = (ipa, language)
        if key not in self._cache:
            found = self._parse(ipa, _primary(language))
            if found.unknown:
                _LOG.warning("No mouth shape for phone %r of language %r; a neutral one is shown", ipa, language)
            self._cache[key] = found
        return self._cache[key]

    def is_mark(self, text: str) -> bool:
        """Whether the text has no sound of its own: a length mark, a combining accent, the digits of a tone."""
        return bool(text) and text not in self._pauses and not any(map(self._sounds, text))

    def joins(self, first: str, second: str, language: str) -> bool:
        """Whether two neighbours inside a word are one diphthong or affricate of this language."""
        language = _primary(language)
        rows = self._rows.get(unicodedata.normalize("NFC", first + second), []) if first and second else []
        covered = language in self._languages
        return any(row.kind in _JOINED and (language in row.languages or not covered) for row in rows)

    def _parse(self, ipa: str, language: str) -> Resolved:
        if not ipa or ipa in self._pauses:
            return Resolved((SILENCE,))
        groups: list[tuple[Pose, ...]] = []
        unknown = ""
        text = unicodedata.normalize("NFC", ipa).translate(self._aliases)
        while text:
            row, length = self._longest_match(text, language)
            letter = unicodedata.normalize("NFD", text[0])
            if row is not None:
                groups.append(_poses(row, language))
            elif len(letter) > 1:  # an accent that the table does not tell apart: look again without it
                text, length = unicodedata.normalize("NFC", letter[:-1] + text[1:]), 0
            else:
                length = 1
                if self._sounds(letter):
                    groups.append((self._neutral,))
                    unknown += letter
            text = text[length:]
        count = len(groups)
        return Resolved(tuple(replace(pose, share=pose.share / count) for group in groups for pose in group), unknown)

    def _sounds(self, char: str) -> bool:
        return unicodedata.category(char) in _LETTERS and char not in self._marks

    def _longest_match(self, text: str, language: str) -> tuple[_Phone | None, int]:
        for length in range(min(self._longest, len(text)), 0, -1):
            rows = self._rows.get(text[:length])
            if rows:
                return next((row for row in rows if language in row.languages), rows[0]), length
        return None, 0


@functools.cache
def phone_table() -> PhoneTable:
    """The table that ships with the package, read once."""
    return PhoneTable(bundled("assets", "visemes", "phones.json"))


def strongest_first(shapes: Mapping[str, float]) -> Shapes:
    """Shapes ordered by falling weight; equals keep their order."""
    return tuple(sorted(shapes.items(), key=lambda item: -item[1]))


def _primary(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()


def _poses(row: _Phone, language: str) -> tuple[Pose, ...]:
    azure = row.azure.get(language, row.azure["*"])
    return tuple(
        Pose(
            phone=row.ipa,
            kind=row.kind,
            shapes=strongest_first(step.shapes),
            jaw=row.jaw,
            round=row.round,
            share=step.share,
            hold=row.hold,
            ids={
                "azure": ((azure[min(index, len(azure) - 1)], 1.0),),
                "rhubarb": ((step.rhubarb, 1.0),),
                "skyrim": ((step.skyrim, max(step.shapes.values())),),
                "vrm": strongest_first(step.vrm),
            },
        )
        for index, step in enumerate(row.steps)
    )


def _check(row: _Phone, contacts: Mapping[str, Contact], path: Path) -> None:
    where = f"phone {row.ipa!r}"
    if abs(sum(step.share for step in row.steps) - 1) > 1e-9:
        raise damaged(path, f"{where}: the shares of its steps do not add up to 1")
    if not row.azure.get("*") or not all(row.azure.values()):
        raise damaged(path, f"{where}: no Azure id for any language ('*')")
    for step in row.steps:
        if not step.shapes:
            raise damaged(path, f"{where}: a step without a shape")
        for name, weight in step.shapes.items():
            if name in contacts and weight < contacts[name].weight:
                raise damaged(path, f"{where}: {name} must reach {contacts[name].weight}")
