"""Routing: who is addressed by what the player says, and who overhears it.

In this order: whom the game names; whose name is called; to whom the player turned; who looks at the player; who stands
nearest; who spoke last; the only one who is there.
"""

import itertools
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from npc_runtime.character.words import folded
from npc_runtime.content.character import CharacterFile
from npc_runtime.resources import bundled
from npc_runtime.scene import Presence, Scene

Reason = Literal["to", "name", "turned", "gaze", "distance", "last", "only"]
HEARING_M = 10.0
"""Metres within which people overhear ordinary speech, unless the game says otherwise."""
_MOST_CHARS = 1000
_LONGEST_NAME = 4
"""Words of a name, and pieces that recognition may hear of one."""
_MOST_LETTERS = 40
_FORGIVING, _VERY_FORGIVING = 5, 7
"""Letters from which on a name may differ by one letter from what was heard, and by two."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_PAUSE = re.compile(r"[,;:.!?…،؛؟、，。！？—–-]")
_TURKISH_YOU = re.compile(r"m[iu]s[iu]n(?:[iu]z)?")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Scripts that put no blanks between words: Thai, Lao, Japanese, Chinese."""
_SOUNDS = (
    ("ph", "f"), ("th", "t"), ("ck", "k"), ("qu", "k"), ("sch", "s"), ("sh", "s"), ("ch", "k"), ("c", "k"), ("q", "k"),
    ("w", "v"), ("z", "s"), ("j", "i"), ("y", "i"), ("x", "ks"),
)  # fmt: skip
"""Spellings of one sound in names: recognisers write what they hear."""
_SILENT = re.compile(r"(?<=[^aeiou])h|[eh]$")
_DOUBLE = re.compile(r"(.)\1")


@dataclass(frozen=True, slots=True)
class Attention:
    """What is known about the talk so far."""

    turned_to: str | None = None
    """Id of whom the player turned to and has not left."""
    last: str | None = None
    """Id of who spoke with the player last."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who is meant."""

    id: str
    reason: Reason


def route(
    line: str,
    characters: Sequence[CharacterFile],
    scene: Scene,
    attention: Attention,
    *,
    to: str | None = None,
    language: str = "en",
) -> Addressee | None:
    """Find who is addressed.

    Args:
        line: The player's words; may be empty.
        characters: Everyone the game could talk to.
        scene: Who is there, as far as the game says; a scene without characters leaves everyone possible.
        attention: What is known about the talk so far.
        to: Id of whom the game names, which the caller has looked up.
        language: ISO 639-1 code of the line.

    Returns:
        None if nobody can be meant.
    """
    language = language.split("-")[0]
    if to is not None:
        return Addressee(to, "to")
    known = {character.id: character for character in characters}
    there = [presence for presence in scene.characters if presence.id in known]
    hearing = sorted((one for one in there if one.can_hear), key=_distance)
    near = [one.id for one in hearing] if scene.characters else list(known)
    preferred = (attention.turned_to, *(one.id for one in hearing if one.looking_at_player), *near)
    names = {one.id: one.name for one in there if one.name}
    called = _called(line, [known[id] for id in dict.fromkeys(preferred) if id in near], names, language)
    if called is not None:
        return Addressee(called, "name")
    if attention.turned_to in known and attention.turned_to is not None:
        return Addressee(attention.turned_to, "turned")
    if looking := next((one for one in hearing if one.looking_at_player), None):
        return Addressee(looking.id, "gaze")
    if hearing and hearing[0].distance is not None:
        return Addressee(hearing[0].id, "distance")
    if attention.last is not None and attention.last in near:
        return Addressee(attention.last, "last")
    return Addressee(near[0], "only") if len(near) == 1 else None


def overhearing(
    scene: Scene, speaker: str | None, addressed: Iterable[str], *, within_m: float = HEARING_M
) -> tuple[str, ...]:
    """Who hears what is said without being meant: the ids of those who can hear and are near enough.

    Args:
        scene: Who is there; someone whose distance is not known is near.
        speaker: Id of the character who speaks; None when it is the player.
        addressed: Ids of those who are meant.
        within_m: How far speech carries, in metres.
    """
    left_out = {speaker, *addressed}
    return tuple(
        one.id
        for one in scene.characters
        if one.id not in left_out and one.can_hear and (one.distance is None or one.distance <= within_m)
    )


def _called(line: str, characters: Sequence[CharacterFile], names: Mapping[str, str], language: str) -> str | None:
    """Id of whom a line calls by name; of several with one name, and of names that sound alike, the first."""
    line = unicodedata.normalize("NFC", line)
    if len(line) > _MOST_CHARS:
        line = line[: _MOST_CHARS // 2] + " … " + line[-_MOST_CHARS // 2 :]
    pieces = {piece.strip() for piece in _PAUSE.split(line)}
    places = [_as_spoken(" ".join(words)) for words in _calls(line, language)]
    similar: str | None = None
    for character in characters:
        for name in _names(character, names.get(character.id, ""), language):
            spoken = _as_spoken(name)
            if name in pieces if spoken.unspaced else any(place.words == spoken.words for place in places):
                return character.id
            if similar is None and spoken.own and any(_sounds_like(place, spoken) for place in places):
                similar = character.id
    return similar


def _names(character: CharacterFile, name: str, language: str) -> Iterator[str]:
    """What a character is called: all names, and the first word of its own."""
    yield from (one for one in (character.name, *character.aliases, name) if one)
    first, _, rest = character.name.partition(" ")
    if rest and folded(first) not in _words(language)["before"]:
        yield first


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A name, or words that may be one, as they are compared."""

    words: tuple[str, ...]
    """Folded."""
    letters: str
    """All of them, without blanks."""
    sound: str
    own: bool
    """Whether it is a proper name: `smith` is a word like any other, and words are heard well."""
    unspaced: bool
    """Whether its script puts no blanks between words."""


@lru_cache(maxsize=8192)
def _as_spoken(name: str) -> _Spoken:
    words = tuple(folded(word) for word in _WORD.findall(name))
    letters = "".join(words)
    own = name[:1].isupper() or name[:1].lower() == name[:1].upper()
    return _Spoken(words, letters, _sound(letters), own, _UNSPACED.search(name) is not None)


def _calls(line: str, language: str) -> Iterator[tuple[str, ...]]:
    """The words in a line that would call someone if they were a name.

    Such words stand between pauses; before them there may be greetings, and behind them something that speaks to
    somebody, as recognition leaves out commas: `hello Brynja can you mend this`, but not `Brynja can mend this`.
    """
    found = list(_WORD.finditer(line))
    words = [folded(one.group()) for one in found]
    pauses = [
        _PAUSE.search(line, one.end(), following.start()) is not None for one, following in itertools.pairwise(found)
    ]
    lists = _words(language)
    speaks_to = language == "tr" and any(_TURKISH_YOU.fullmatch(word) for word in words)
    greeted = True
    for start in range(len(words)):
        if greeted or pauses[start - 1]:
            for end in range(start + 1, min(start + _LONGEST_NAME, len(words)) + 1):
                rest = words[end : end + 2]
                joined = bool(rest) and rest[0] in lists["joining"]
                spoken_to = bool(rest) and (
                    rest[0] in lists["after"] or not lists["with_you"].isdisjoint(rest) or speaks_to
                )
                if not joined and (not rest or pauses[end - 1] or spoken_to):
                    yield tuple(words[start:end])
                if rest and pauses[end - 1]:
                    break
        greeted = greeted and words[start] in lists["before"]


def _sounds_like(heard: _Spoken, name: _Spoken) -> bool:
    """Whether recognition may have written these words for a name."""
    one, other = heard.sound, name.sound
    if not one or one[:1] != other[:1] or "'" in heard.letters or max(len(one), len(other)) > _MOST_LETTERS:
        return False
    if one == other:
        return True
    if heard.letters.startswith(name.letters):  # a genitive, or a case in Turkish: spoken of, not to
        return False
    letters = min(len(one), len(other))
    allowed = 0 if letters < _FORGIVING else 1 if letters < _VERY_FORGIVING else 2
    return abs(len(one) - len(other)) <= allowed and _distance_of(one, other) <= allowed


def _sound(word: str) -> str:
    """A word by its sound, roughly: names that recognition mixes up come out alike."""
    for spelling, sound in _SOUNDS:
        word = word.replace(spelling, sound)
    return _DOUBLE.sub(r"\1", _SILENT.sub("", word))


def _distance_of(one: str, other: str) -> int:
    """Edit distance (Levenshtein 1966)."""
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        before, row[0] = row[0], place
        for column, against in enumerate(other, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (letter != against)),
            )
    return row[-1]


def _distance(presence: Presence) -> float:
    return float("inf") if presence.distance is None else presence.distance


@cache
def _words(language: str) -> Mapping[str, frozenset[str]]:
    table: dict[str, dict[str, str]] = json.loads(
        bundled("assets", "text", "address_words.json").read_text(encoding="utf-8")
    )
    return {use: frozenset(map(folded, lists.get(language, "").split())) for use, lists in table.items()}
