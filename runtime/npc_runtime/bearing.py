"""Bearing: what a character feels and does in one turn besides speaking, and what the game is shown of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from npc_runtime import events
from npc_runtime.actions.validate import Rejection, ValidAction, validate
from npc_runtime.cast import Cast
from npc_runtime.character.affect import Stimulus
from npc_runtime.character.colour import voice_colour
from npc_runtime.character.emotion import INTENSITY, rounded, strength_at
from npc_runtime.character.faces import face as face_of
from npc_runtime.character.impulse import Deed, Impulse
from npc_runtime.character.inner import Inner
from npc_runtime.character.safety import check_clause
from npc_runtime.clock import Clock
from npc_runtime.content.goal import Feeling
from npc_runtime.llm.grammar import feeling_tag
from npc_runtime.outbox import Outbox
from npc_runtime.speech import VoiceColour
from npc_runtime.thinking import situation_of

_ATTENTIVE = ("neutral", "interest")
"""What everyone feels who listens: it need not be shown before the model has said what is felt."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the game was shown of a feeling."""

    label: events.EmotionLabel
    strength: events.Strength
    intensity: float
    cause: str


class Bearing:
    """What a character feels and does in one turn.

    Args:
        number: Of the turn within its session, from 1.
        cast: Who takes part.
        outbox: Receives every event and every change of the character's state, in order.
        clock: Time.
        face: The face that the game wants.
        small: Whether the model is small: it reads shorter tags.
    """

    def __init__(
        self, number: int, cast: Cast, outbox: Outbox, clock: Clock, *, face: events.FaceSet, small: bool
    ) -> None:
        self.inner: Inner = cast.life.inner
        """The character's state, as the turn sees it."""
        self.actions = 0
        """How many actions were done."""
        self._number = number
        self._cast = cast
        self._outbox = outbox
        self._clock = clock
        self._face: events.FaceSet = face
        self._small = small
        self._tag = ""
        self._look: Look | None = None

    @property
    def shown(self) -> events.EmotionLabel | None:
        """What the game was shown last; None for nothing."""
        return self._look.label if self._look is not None else None

    @property
    def voice(self) -> VoiceColour:
        """What it feels does this to its voice."""
        return voice_colour(self.inner.person.affect.tone)

    def take_tag(self) -> str:
        """The tag for what is said next, as the model writes it; empty when what is shown holds already."""
        tag, self._tag = self._tag, ""
        return tag

    def become(self, inner: Inner) -> None:
        """The character's state from now on, once the turn takes effect."""
        self.inner = inner
        self._outbox.then(lambda: self._cast.life.keep(inner))

    def take_up(self, impulse: Impulse) -> None:
        """What is said or happens does something to the character, and shows where that cannot wait."""
        before = self.inner.person.affect.dominant.label
        self.become(impulse.inner)
        felt = impulse.inner.person.affect.dominant.label
        if impulse.feeling is not None:
            self.show_wanted(impulse.feeling, impulse.goals[-1])
        elif self._small or felt not in (*_ATTENTIVE, before):  # a larger model says it soon, but faces cannot wait
            self.show_most()

    def show_most(self) -> None:
        """Show what is felt most."""
        felt = self.inner.person.affect.dominant
        self._show(felt.label, felt.strength, felt.intensity, felt.cause)

    def show_wanted(self, feeling: Feeling, goal: str) -> None:
        """Show what an author wants to be seen."""
        self._show(feeling.label, strength_at(feeling.intensity), feeling.intensity, goal)

    def feel(self, label: events.EmotionLabel, strength: events.Strength) -> None:
        """What the model says that the character feels; saying it again does not make it feel more."""
        if label != self.shown:
            self._stir(Stimulus(label, INTENSITY[strength], cause="reply", target=self._cast.player.id))
        self._show(label, strength, INTENSITY[strength], "reply")

    def carry_out(self, deed: Deed) -> None:
        """Do something that the author planned; speaking and acting are not done here."""
        bond = self.inner.bond
        if deed.event is not None:
            told = deed.event
            self._outbox.put(
                events.GoalEvent(turn=self._number, character=self._cast.id, name=told.name, params=told.params)
            )
        elif deed.feeling is not None:
            wanted = deed.feeling
            self._stir(
                Stimulus(wanted.label, wanted.intensity, cause=deed.goal, target=self._cast.player.id, as_is=True)
            )
            self.show_wanted(wanted, deed.goal)
        elif deed.change is not None:
            self.become(replace(self.inner, bond=bond.moved([deed.change], talked=False)))
            if self._look is not None:
                self._tell(self._look)
        elif deed.kind == "done":
            self.become(replace(self.inner, bond=bond.having_done(deed.text)))

    def act(self, name: str, args: Mapping[str, str]) -> events.Action | Rejection:
        """Decide on an action, if it may be done now; it has yet to leave."""
        cast = self._cast
        situation = replace(situation_of(cast, self.inner, self._clock), scene=cast.now())
        judged = self._decent(validate(name, args, cast.actions, situation, cast.ledger))
        if isinstance(judged, Rejection):
            self._outbox.put(events.Notice(code=f"action_{judged.code}", message=judged.message, turn=self._number))
            return judged
        for warning in judged.warnings:
            self._outbox.put(events.Notice(code="action_argument", message=warning, turn=self._number))
        self.actions += 1
        id = f"{self._number}.{self.actions}"
        cast.ledger.record(judged.name, judged.args, judged.target, situation, id=id)
        return events.Action(
            turn=self._number,
            id=id,
            character=cast.id,
            name=judged.name,
            args=judged.args,
            target=judged.target,
            needs_result=judged.needs_result,
            needs_confirm=judged.needs_confirm,
        )

    def _decent(self, judged: ValidAction | Rejection) -> ValidAction | Rejection:
        """The same with texts as the character may say them: a game may show or speak them."""
        if isinstance(judged, Rejection):
            return judged
        cast = self._cast
        definition = next(one for one in cast.actions if one.name == judged.name)
        args = dict(judged.args)
        for name, argument in definition.args.items():
            if argument.type == "string" and isinstance(value := args.get(name), str):
                clause = check_clause(value, cast.nature.levels, cast.character.language)
                if clause.concern is not None and not clause.text:
                    return Rejection("unsafe", f"{judged.name}: {name} has {clause.concern.term!r} in it")
                args[name] = clause.text
        return replace(judged, args=args)

    def _stir(self, stimulus: Stimulus) -> None:
        """Feel something now: what was felt when the turn began has faded a little."""
        person = self.inner.person.after(self._clock.now(), self._cast.character)
        self.become(replace(self.inner, person=person.felt([stimulus])))

    def _show(self, label: events.EmotionLabel, strength: events.Strength, intensity: float, cause: str) -> None:
        self._look = Look(label, strength, intensity, cause)
        self._tag = feeling_tag(label, strength, small=self._small)
        self._tell(self._look)

    def _tell(self, look: Look) -> None:
        """Tell the game what the character looks like, and how it stands to whom it talks to."""
        self._outbox.put(seen(self._cast.id, self.inner, look, face=self._face, turn=self._number))


def seen(
    character: str, inner: Inner, look: Look | None = None, *, face: events.FaceSet, turn: int | None = None
) -> events.Emotion:
    """What a game is told of a character's feelings.

    Args:
        character: Its id.
        inner: Its state.
        look: What shows; what it feels most unless given.
        face: The face that the game wants.
        turn: In which it shows, if it does in one.
    """
    affect = inner.person.affect
    felt = affect.dominant
    look = look or Look(felt.label, felt.strength, felt.intensity, felt.cause)
    return events.Emotion(
        turn=turn,
        character=character,
        label=look.label,
        strength=look.strength,
        intensity=round(look.intensity, 3),
        pad=rounded(affect.pad),
        mood=affect.named_mood,
        relation=inner.bond.relationship.axes,
        cause=look.cause or None,
        face=face_of(face, look.label, look.intensity),
    )
