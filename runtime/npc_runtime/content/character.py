"""A character as an author writes it: `characters/*.yaml`."""

from typing import Literal, Self

from pydantic import Field, PrivateAttr, field_validator

from npc_runtime.content.fields import (
    VOICE,
    Authored,
    AuthoredFile,
    FileId,
    Fraction,
    Id,
    Items,
    Language,
    Line,
    Mistake,
    Name,
    Prose,
    Signed,
    Tag,
    wrong,
)
from npc_runtime.content.goal import Goal, repeated_ids
from npc_runtime.content.knowledge import WorldSpec

Control = Literal["none", "mild", "strict"]
ResponseLength = Literal["very_short", "short", "medium", "long", "very_long"]

MAX_SENTENCES: dict[ResponseLength, int] = {"very_short": 1, "short": 2, "medium": 3, "long": 5, "very_long": 8}
"""How many sentences a reply of each length has at most."""


class Traits(Authored):
    """The Big Five, each -1..1."""

    openness: Signed = 0.0
    conscientiousness: Signed = 0.0
    extraversion: Signed = 0.0
    agreeableness: Signed = 0.0
    neuroticism: Signed = 0.0


class Persona(Authored):
    """Who the character is."""

    summary: Prose
    motivation: Prose = ""
    flaws: Items[Line] = ()
    backstory: Prose = ""
    traits: Traits = Traits()


class Style(Authored):
    """How the character talks."""

    tone: Line = ""
    response_length: ResponseLength = "short"
    sample_lines: Items[Line] = ()

    @property
    def max_sentences(self) -> int:
        """Sentences of a reply at most."""
        return MAX_SENTENCES[self.response_length]


class VoiceSpec(Authored):
    """The voice the character speaks with."""

    engine: Literal["auto", "piper", "espeak", "openai", "elevenlabs"] = "auto"
    name: str = Field(default="", max_length=80, pattern=VOICE)
    """Id of the voice; where it is empty, the engine's own for the language."""
    rate: float = Field(default=1.0, ge=0.5, le=2)
    """Speed; 1 is the voice's own."""
    volume: float = Field(default=1.0, ge=0, le=2)


class RestingMood(Authored):
    """The mood the character returns to."""

    pleasure: Signed = 0.0
    arousal: Signed = 0.0
    dominance: Signed = 0.0


class EmotionSpec(Authored):
    """How the character feels."""

    fluidity: Fraction = 0.4
    """0 stolid .. 1 mercurial."""
    resting_mood: RestingMood | None = None
    """Follows from the traits unless given."""


class KnowledgeSpec(Authored):
    """What the character knows."""

    packs: Items[FileId] = ()
    """Files of `knowledge/`."""
    groups: Items[Tag] = ()
    """What the character belongs to, such as `guild`: a fact's `known_by` may name it."""
    facts: Items[Line] = ()
    filter: Control = "mild"
    """How hard the character refuses what it cannot know."""
    world: WorldSpec | None = None
    """The world it lives in, should that be another than its packs declare."""


class RelationSpec(Authored):
    """How the character stands to a player it has not met."""

    trust: Signed = 0.0
    respect: Signed = 0.0
    familiarity: Signed = 0.0
    affection: Signed = 0.0


class Relationships(Authored):
    """How the character stands to players."""

    default: RelationSpec = RelationSpec()


class Safety(Authored):
    """What the character keeps away from."""

    profanity: Control = "mild"
    violence: Control = "mild"
    adult_topics: Control = "strict"
    hate: Control = "strict"
    """Contempt for groups of people."""
    self_harm: Control = "strict"
    """Players who may want to hurt themselves: the character answers with care, and the game gets a notice."""


class Barks(Authored):
    """Lines for moments without the model; where a list is empty the runtime has its own."""

    greet: Items[Line] = ()
    busy: Items[Line] = ()
    failed: Items[Line] = ()
    refuse: Items[Line] = ()
    """For what the character cannot know, keeps secret, or keeps away from; words of care stay the runtime's own."""


class ModelOverrides(Authored):
    """What this character changes in the settings of the model."""

    temperature: float | None = Field(default=None, ge=0, le=2)


class CharacterFile(AuthoredFile):
    """`characters/*.yaml`."""

    name: Name
    aliases: Items[Name] = ()
    language: Language = "en"
    persona: Persona
    style: Style = Style()
    voice: VoiceSpec = VoiceSpec()
    emotion: EmotionSpec = EmotionSpec()
    knowledge: KnowledgeSpec = KnowledgeSpec()
    relationships: Relationships = Relationships()
    goals: Items[Goal] = ()
    actions: Items[Id] = ()
    """What this character may ever do."""
    safety: Safety = Safety()
    barks: Barks = Barks()
    model: ModelOverrides = ModelOverrides()

    _id: str = PrivateAttr(default="")

    @property
    def id(self) -> str:
        """Name of its file without the ending; empty for a character that comes from no file."""
        return self._id

    def with_id(self, id: str) -> Self:
        """The same character under an id."""
        copy = self.model_copy()
        copy._id = id
        return copy

    @field_validator("goals")
    @classmethod
    def _distinct(cls, goals: tuple[Goal, ...]) -> tuple[Goal, ...]:
        if mistakes := repeated_ids(goals):
            raise wrong(*mistakes)
        return goals

    @field_validator("actions")
    @classmethod
    def _once(cls, actions: tuple[str, ...]) -> tuple[str, ...]:
        repeated = [index for index, name in enumerate(actions) if name in actions[:index]]
        if repeated:
            raise wrong(*(Mistake(f"`{actions[index]}` is listed twice", "", (index,)) for index in repeated))
        return actions
