"""The plan of a run: who says what to whom, and which replies are interrupted, and how."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from npc_runtime.bench.clips import Clip

After = Literal["", "voice", "message"]
"""What the player does to the reply: hears it out, talks over it with the next line, or says `interrupt`."""

_EVERY = 5
"""Replies of which one is interrupted by the player's voice, and one by a message."""
_TYPED = {
    "en": (
        "Good morning.",
        "Who are you?",
        "What can you do for me?",
        "I have come a long way, and the road was bad.",
        "Do you know what happened here last night?",
        "That is more than I can pay.",
        "Is there somewhere I could sleep?",
        "Thank you. I will come back tomorrow.",
    ),
    "de": (
        "Guten Morgen.",
        "Wer bist du?",
        "Was kannst du für mich tun?",
        "Weißt du, was letzte Nacht geschehen ist?",
        "Danke. Ich komme morgen wieder.",
    ),
    "tr": (
        "Günaydın.",
        "Kimsin?",
        "Benim için ne yapabilirsin?",
        "Dün gece burada ne oldu, biliyor musun?",
        "Teşekkür ederim. Yarın yine gelirim.",
    ),
}
"""What the player types, by the language of the character."""


@dataclass(frozen=True, slots=True)
class SpokenStep:
    """A line to speak."""

    clip: Clip
    character: str
    after: After


@dataclass(frozen=True, slots=True)
class TypedStep:
    """A line to type."""

    text: str
    character: str


def spoken(turns: int, clips: Sequence[Clip], characters: Sequence[str]) -> Iterator[SpokenStep]:
    """Lines to speak.

    The characters take turns, but who is interrupted by a voice is who the voice talks to.

    Args:
        turns: How many.
        clips: What to say; begins anew when it has been said.
        characters: Ids.
    """
    others = itertools.cycle(characters)
    character, after = next(others), ""
    for number, clip in zip(range(turns), itertools.cycle(clips), strict=False):
        if number and after != "voice":
            character = next(others)
        step = SpokenStep(clip, character, _after(number, turns))
        after = step.after
        yield step


def typed(turns: int, characters: Sequence[tuple[str, str]]) -> Iterator[TypedStep]:
    """Lines to type.

    Args:
        turns: How many.
        characters: Id and language; they take turns.
    """
    for number, (character, language) in zip(range(turns), itertools.cycle(characters), strict=False):
        lines = _TYPED.get(language.partition("-")[0], _TYPED["en"])
        yield TypedStep(lines[number % len(lines)], character)


def _after(number: int, turns: int) -> After:
    place = number % _EVERY
    if place == _EVERY - 1 and number < turns - 1:  # it takes a next line to talk over this one's reply
        return "voice"
    return "message" if place == _EVERY // 2 else ""
