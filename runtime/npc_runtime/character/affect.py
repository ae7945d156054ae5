"""What one character feels: emotions that fade within minutes, on a mood that takes minutes to hours to settle.

Nothing in here knows the time: whoever holds the state says how many seconds have passed, and the same events in the
same order always give the same state. The layers are those of ALMA (Gebhard 2005); fading, reinforcing and the traffic
between mood and emotion follow FAtiMA (Dias, Mascarenhas and Paiva 2014), whose scale of 10 is our 1.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter, ValidationError

from npc_runtime.character.emotion import bounded, clamped, mood, resting_pad, strength_at, vector
from npc_runtime.character.occ import FeelingName, label_of, point_of
from npc_runtime.content.character import EmotionSpec, Traits
from npc_runtime.content.fields import Fraction, Signed
from npc_runtime.errors import InputError
from npc_runtime.events import EMOTION_LABELS, EmotionLabel, Mood, Pad, Strength

FAINT = 0.05
"""Intensity below which a stimulus is not felt and an emotion does not show."""
MOST = 16
"""Emotions that are held at once; the weakest give way."""
MOST_CHARACTERS = 200
"""Of a cause or a target; the rest is cut off."""

_GONE = 1e-9
"""Intensity of an emotion that is forgotten: so little that the moment cannot be told."""
_COLOURING = 0.6
"""What a mood at the end of its axis adds to an emotion in its direction, or takes from one against it. FAtiMA adds 0.3
of the mood to any emotion; as a share of the emotion, that is as much at half intensity and nothing of nothing."""
_MOST_COLOURING = 0.5
_SENSITIVITY = 0.25
"""What a trait at its end adds to a feeling, or takes away."""
_MOOD_IN_TONE = 0.5


def faded(value: float, seconds: float, half_life: float) -> float:
    """What is left after a time of a value that halves every `half_life` seconds: value · 2^(-seconds / half_life)."""
    return value * math.exp2(-seconds / half_life)


def reinforced(intensities: Sequence[float]) -> float:
    """The intensity 0..1 of one emotion that is felt several times over: ln Σ e^(10 i) / 10, as in FAtiMA.

    Args:
        intensities: At least one, each 0..1, in any order.
    """
    if len(intensities) == 1:
        return intensities[0]
    return min(1.0, math.log(math.fsum(math.exp(10 * intensity) for intensity in intensities)) / 10)


def pushed(value: float, push: float) -> float:
    """A part of the mood that is pushed: the further out it is already, the less it yields.

    Args:
        value: -1..1
        push: -1..1

    Returns:
        -1..1
    """
    return value + (push if value * push <= 0 else push * (1 - abs(value)))


@dataclass(frozen=True, slots=True)
class Temperament:
    """How a character tends to feel."""

    rest: Pad = (0.0, 0.0, 0.0)
    """The mood it returns to, each part -1..1."""
    fluidity: float = 0.4
    """0 stolid .. 1 mercurial."""
    extraversion: float = 0.0
    neuroticism: float = 0.0

    @classmethod
    def of(cls, traits: Traits, spec: EmotionSpec) -> Self:
        """The temperament that an author wrote."""
        given = spec.resting_mood
        rest = (given.pleasure, given.arousal, given.dominance) if given else resting_pad(traits)
        return cls(rest, spec.fluidity, traits.extraversion, traits.neuroticism)

    @property
    def emotion_half_life(self) -> float:
        """Seconds in which an emotion halves: 120 / 12^fluidity, so 120 if stolid, 44 by default, 10 if mercurial."""
        return float(120 / 12**self.fluidity)

    @property
    def mood_half_life(self) -> float:
        """Seconds in which the mood comes half way to its rest: 14400 / 48^fluidity, so 4 h, 51 min or 5 min."""
        return float(14400 / 48**self.fluidity)

    @property
    def mood_push(self) -> float:
        """What share of a new emotion the mood takes: 0.1 + 0.4 · fluidity, so FAtiMA's 0.3 in the middle."""
        return 0.1 + 0.4 * self.fluidity

    def sensitivity(self, feeling: FeelingName) -> float:
        """Factor 0.75..1.25 on a feeling.

        Neuroticism opens people to what is unpleasant, extraversion to what is pleasant (Larsen and Ketelaar 1991).
        """
        pleasure = point_of(feeling)[0]
        return 1 + _SENSITIVITY * (self.neuroticism if pleasure < 0 else self.extraversion)


@dataclass(frozen=True, slots=True)
class Stimulus:
    """Something that makes a character feel."""

    feeling: FeelingName
    intensity: float
    """0..1; what is outside counts as the bound."""
    cause: str = ""
    """What it is about, such as the player's words or the name of an event."""
    target: str = ""
    """Id of whom it is about; empty for nobody."""
    as_is: bool = False
    """Whether it is felt as strongly as it says, as an author may ask; otherwise temperament and mood have a say."""


@dataclass(frozen=True, slots=True)
class Felt:
    """An emotion that a character has; towards each target it has each feeling once."""

    feeling: FeelingName
    intensity: Fraction
    cause: Annotated[str, Field(max_length=MOST_CHARACTERS)] = ""
    """What stirred it last."""
    target: Annotated[str, Field(max_length=MOST_CHARACTERS)] = ""


@dataclass(frozen=True, slots=True)
class Dominant:
    """The feeling that shows."""

    label: EmotionLabel
    strength: Strength
    intensity: float
    """0..1; 0 for neutral."""
    cause: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class _Saved:
    mood: tuple[Signed, Signed, Signed]
    emotions: Annotated[tuple[Felt, ...], Field(max_length=MOST)]


_SAVED = TypeAdapter(_Saved)


@dataclass(frozen=True, slots=True)
class Affect:
    """The state of one character's feelings. Every change gives a new one."""

    temperament: Temperament
    """Comes from the character's file, not from a save."""
    mood: Pad
    emotions: tuple[Felt, ...] = ()
    """At most `MOST`, in the order of name and target."""

    @classmethod
    def resting(cls, temperament: Temperament) -> Self:
        """Nothing is felt, and the mood is the character's own."""
        return cls(temperament, temperament.rest)

    def after(self, seconds: float) -> Self:
        """The state some time later; the same however the time is cut into steps.

        Args:
            seconds: Time that runs backwards, or is not a number, does not pass.
        """
        if not seconds > 0:
            return self
        character = self.temperament
        lasting = [
            replace(felt, intensity=faded(felt.intensity, seconds, character.emotion_half_life))
            for felt in self.emotions
        ]
        settled = vector(
            rest + faded(now - rest, seconds, character.mood_half_life)
            for now, rest in zip(self.mood, character.rest, strict=True)
        )
        return replace(self, mood=settled, emotions=tuple(felt for felt in lasting if felt.intensity >= _GONE))

    def felt(self, stimulus: Stimulus) -> Self:
        """The state after one stimulus."""
        return self.felt_all((stimulus,))

    def felt_all(self, stimuli: Iterable[Stimulus]) -> Self:
        """The state after stimuli that come at the same moment: exactly the same in whatever order they are given.

        1. Temperament and mood scale each stimulus; what is `FAINT` after that is not felt.
        2. What was felt before and is of the opposite pleasantness loses a share: the intensity of the most pleasant
           (or unpleasant) new feeling times its pleasure. Joy undoes anger (Fredrickson and Levenson 1998).
        3. A feeling that is there already towards the same target is `reinforced`.
        4. The mood is `pushed` by what came: the sum of intensity · point · `mood_push`.
        """
        stirred: dict[tuple[FeelingName, str], list[tuple[float, str]]] = defaultdict(list)
        for stimulus in stimuli:
            intensity = self._sensed(stimulus)
            if intensity >= FAINT and label_of(stimulus.feeling) != "neutral":
                key = (stimulus.feeling, stimulus.target[:MOST_CHARACTERS])
                stirred[key].append((intensity, stimulus.cause[:MOST_CHARACTERS]))
        if not stirred:
            return self
        held = self._undone([(point_of(key[0])[0], max(new)[0]) for key, new in stirred.items()])
        moving: list[tuple[Pad, float]] = []
        for key, new in stirred.items():
            before = [held[key].intensity] if key in held else []
            fresh = [intensity for intensity, _ in new]
            held[key] = Felt(key[0], reinforced([*before, *fresh]), max(new)[1], key[1])
            moving.append((point_of(key[0]), reinforced(fresh)))
        kept = sorted(held.values(), key=lambda felt: (-felt.intensity, felt.feeling, felt.target))[:MOST]
        share = self.temperament.mood_push
        pushes = [
            clamped(share * math.fsum(point[axis] * intensity for point, intensity in moving)) for axis in range(3)
        ]
        return replace(
            self,
            mood=vector(pushed(now, push) for now, push in zip(self.mood, pushes, strict=True)),
            emotions=tuple(sorted(kept, key=lambda felt: (felt.feeling, felt.target))),
        )

    @property
    def dominant(self) -> Dominant:
        """The label that is felt most, or neutral when everything has faded.

        Feelings that show as the same label add up to 1 - Π(1 - intensity); cause and target are the strongest's.
        """
        shown: dict[EmotionLabel, list[Felt]] = defaultdict(list)
        for felt in self.emotions:
            shown[label_of(felt.feeling)].append(felt)
        totals = {label: 1 - math.prod(1 - felt.intensity for felt in group) for label, group in shown.items()}
        label = max(totals, key=lambda label: (totals[label], EMOTION_LABELS.index(label)), default=None)
        if label is None or totals[label] < FAINT:
            return Dominant("neutral", "normal", 0.0)
        strongest = max(shown[label], key=lambda felt: felt.intensity)
        return Dominant(label, strength_at(totals[label]), totals[label], strongest.cause, strongest.target)

    @property
    def pad(self) -> Pad:
        """Where all emotions together are: the sum of intensity · point, each part kept within -1..1."""
        return bounded(self._sum())

    @property
    def tone(self) -> Pad:
        """What colours the voice: the emotions, and half of how far the mood is from its rest.

        A character's voice is recorded in its own mood, so that changes nothing.
        """
        aside = [_MOOD_IN_TONE * (now - rest) for now, rest in zip(self.mood, self.temperament.rest, strict=True)]
        return bounded(vector(felt + slow for felt, slow in zip(self._sum(), aside, strict=True)))

    @property
    def named_mood(self) -> Mood:
        """The mood as messages show it."""
        return mood(self.mood)

    def as_json(self) -> dict[str, Any]:
        """The JSON object to save; `from_json` gives exactly this state back."""
        return {"mood": list(self.mood), "emotions": [asdict(felt) for felt in self.emotions]}

    @classmethod
    def from_json(cls, saved: object, temperament: Temperament) -> Self:
        """The state that was saved.

        Args:
            saved: From `as_json`.
            temperament: The character's, as its file is now.

        Raises:
            InputError: It is not such an object.
        """
        try:
            read = _SAVED.validate_python(saved)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "all of it"
            hint = "the save is damaged, or comes from a newer version"
            raise InputError(f"saved feelings cannot be read: {where}: {first['msg']}", hint=hint) from error
        distinct = {(felt.feeling, felt.target): felt for felt in read.emotions}
        return cls(temperament, read.mood, tuple(distinct[key] for key in sorted(distinct)))

    def _sensed(self, stimulus: Stimulus) -> float:
        """How strongly a stimulus is felt, 0..1."""
        intensity = clamped(stimulus.intensity, 0.0)
        point = point_of(stimulus.feeling)
        length = math.hypot(*point)
        if stimulus.as_is or not length:
            return intensity
        along = math.fsum(part * now for part, now in zip(point, self.mood, strict=True)) / length
        colouring = 1 + clamped(_COLOURING * along, -_MOST_COLOURING, _MOST_COLOURING)
        return clamped(intensity * self.temperament.sensitivity(stimulus.feeling) * colouring, 0.0)

    def _undone(self, new: Iterable[tuple[float, float]]) -> dict[tuple[FeelingName, str], Felt]:
        """What is held, by feeling and target, less what new feelings (pleasure, intensity) take from it."""
        pleasures = [pleasure * intensity for pleasure, intensity in new]
        best, worst = max(0.0, *pleasures), -min(0.0, *pleasures)
        left = {}
        for felt in self.emotions:
            taken = best if point_of(felt.feeling)[0] < 0 else worst
            left[felt.feeling, felt.target] = replace(felt, intensity=felt.intensity * (1 - taken))
        return left

    def _sum(self) -> Pad:
        parts = [(point_of(felt.feeling), felt.intensity) for felt in self.emotions]
        return vector(math.fsum(point[axis] * intensity for point, intensity in parts) for axis in range(3))
