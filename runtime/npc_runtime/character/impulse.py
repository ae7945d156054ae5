"""Impulse: what a character does about what is said or happens before, or instead of, asking the language model.

This is where authors and the engine are certain of something: safety first, then the author's goals, then what the
character cannot know, then its secrets. Pure: the same words in the same state always give the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from npc_runtime.character.affect import Stimulus
from npc_runtime.character.appraisal import assess
from npc_runtime.character.asking import asks, refers
from npc_runtime.character.boundary import judge
from npc_runtime.character.emotion import INTENSITY
from npc_runtime.character.goal_state import GoalState, Moment
from npc_runtime.character.goals import Firing, Line, Occurrence
from npc_runtime.character.inner import Inner
from npc_runtime.character.knowledge import Recall
from npc_runtime.character.memory.embedder import Vectors
from npc_runtime.character.nature import Nature
from npc_runtime.character.prospects import News, take_in
from npc_runtime.character.refusals import RefusalKind, refusals
from npc_runtime.character.relationship import Change
from npc_runtime.character.safety import check_line
from npc_runtime.content.conditions import Facts
from npc_runtime.content.goal import Feeling, GoalEvent, RelationChange, Step
from npc_runtime.content.told import told
from npc_runtime.events import Relation

Kind = Literal["say", "ask", "action", "event", "feel", "relate", "done"]


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing to do, in order with the others."""

    kind: Kind
    text: str = ""
    """The line to say word for word, the id of the action, or what counts as done from now on."""
    event: GoalEvent | None = None
    """What the game is told."""
    feeling: Feeling | None = None
    """What is felt from now on."""
    change: Change | None = None
    """What it does to the relationship."""
    goal: str = ""
    """Id of the goal that asks for it."""


ASK = Deed("ask")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a character does not answer freely, for who makes the game."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Impulse:
    """What a character does about something."""

    inner: Inner
    """Its state afterwards."""
    deeds: tuple[Deed, ...]
    """What it does, in order; with `ASK` where the model speaks."""
    instructions: tuple[str, ...] = ()
    """What the model is told to do."""
    facts: tuple[str, ...] = ()
    """What comes to the character's mind, the most relevant first."""
    reasons: tuple[Reason, ...] = ()
    goals: tuple[str, ...] = ()
    """Ids of the goals that started."""
    feeling: Feeling | None = None
    """What an author wants to be seen first; otherwise what is felt most shows."""

    @property
    def acts(self) -> bool:
        """Whether an author's goal already says what is done: the model chooses no action then."""
        return any(deed.kind == "action" for deed in self.deeds)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What holds when something is said or happens."""

    facts: Facts
    """What conditions are asked of."""
    moment: Moment
    scene: tuple[str, ...] = ()
    """What is in the scene, in words: a character cannot be ignorant of what it sees."""
    recent: tuple[str, ...] = ()
    """What was said before, latest last."""
    player: str = ""
    """Id of who speaks."""
    number: int = 0
    """Of the turn: chooses among several lines."""
    among_themselves: bool = False
    """Whether another character speaks: goals are about what the player says."""
    small: bool = False
    """Whether the model is small: it is not trusted with telling that it keeps a secret, and repeats what it is told,
    whether that was asked for or not."""


def respond(nature: Nature, inner: Inner, text: str, occasion: Occasion, vector: Vectors | None = None) -> Impulse:
    """What a character does about what is said to it.

    Args:
        nature: Who is spoken to.
        inner: Its state, at this moment.
        text: What is said.
        occasion: What holds.
        vector: What is said as the embedder's query, shape (dimensions,); None: the words alone count.
    """
    character = nature.character
    appraised = assess(text, character.language, character.persona.traits)
    stimuli = [
        Stimulus(appraised.label, INTENSITY[appraised.strength], cause="words", target=occasion.player, as_is=True)
    ]
    changes = [Change("words", appraised.relation)]
    concern = check_line(text, nature.levels, character.language)
    if concern is not None:
        inner = _moved(inner, stimuli, changes)
        reason = Reason(concern.notice, f"{character.name} does not take up {concern.term!r}.")
        return Impulse(inner, (_refusal(nature, concern.kind, occasion),), reasons=(reason,))
    if not occasion.among_themselves:
        line = Line(text, nature.names, vector)
        firings = nature.goals.cascade(line, occasion.facts, inner.bond.goals, occasion.moment)
        if firings:
            return _carried_out(nature, inner, firings, text, occasion, stimuli, changes, vector=vector)
    inner = _moved(inner, stimuli, changes)
    verdict = judge(text, nature.world.including(occasion.scene), character.knowledge.filter)
    if verdict is not None and verdict.refused:
        kind: RefusalKind = "self" if verdict.about_itself else "unknown"
        reason = Reason("unknown_to_character", f"{character.name} cannot know {verdict.term!r} ({verdict.group}).")
        return Impulse(inner, (_refusal(nature, kind, occasion),), reasons=(reason,))
    found = _known(nature, inner, text, occasion, vector)
    instructions: tuple[str, ...] = (verdict.instruction,) if verdict is not None else ()
    reasons: tuple[Reason, ...] = ()
    if found.withheld and not (occasion.small and found.facts):  # what a small model may tell is enough of an answer
        reasons = (Reason("secret_kept", f"{character.name} keeps a secret."),)
        if occasion.small:
            return Impulse(inner, (_refusal(nature, "secret", occasion),), reasons=reasons)
        instructions += (told("secret", character.language),)
    facts = found.facts if not occasion.small or asks(text, character.language, nature.names) else found.meant
    return Impulse(inner, (ASK,), instructions, (*facts, *found.always), reasons=reasons)


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that happens in the game."""

    name: str
    told: str = ""
    """In words that whoever perceives it then knows; empty for none."""
    news: News | None = None
    """What it means for something that whoever perceives it wants."""

    @property
    def words(self) -> str:
        """What is remembered of it."""
        return self.told or self.name


def react(nature: Nature, inner: Inner, incident: Incident, occasion: Occasion) -> Impulse:
    """What a character does about an event of the game; the deeds are empty when its author planned nothing.

    Args:
        nature: Who perceives it.
        inner: Its state, at this moment.
        incident: What happens.
        occasion: What holds.
    """
    awareness = inner.person.awareness.witnessing(incident.name)
    if incident.told:
        awareness = awareness.learning(incident.told, occasion.moment.game)
    inner = replace(inner, person=replace(inner.person, awareness=awareness))
    if incident.news is not None:
        effect = take_in(incident.news, inner.person.prospects, character=nature.character.id, player=occasion.player)
        person = replace(inner.person.felt(effect.stimuli), prospects=effect.prospects)
        inner = Inner(person, inner.bond.moved(effect.changes, talked=False))
    firings = nature.goals.cascade(Occurrence(incident.name), occasion.facts, inner.bond.goals, occasion.moment)
    if not firings:
        return Impulse(inner, ())
    return _carried_out(nature, inner, firings, incident.words, occasion, [], [], talked=False)


def _carried_out(
    nature: Nature,
    inner: Inner,
    firings: Sequence[Firing],
    text: str,
    occasion: Occasion,
    stimuli: Sequence[Stimulus],
    changes: Sequence[Change],
    *,
    vector: Vectors | None = None,
    talked: bool = True,
) -> Impulse:
    """Goals have started.

    What their authors put before the first word and deed holds at once, all else in its place.

    Args:
        nature: Whose goals.
        inner: The state before.
        firings: The goals, in order.
        text: What they are about.
        occasion: What holds.
        stimuli: What the player's words make the character feel, unless its author says what it feels.
        changes: What they do to the relationship.
        vector: The text as the embedder's query; see `respond`.
        talked: Whether somebody has talked to the character.
    """
    found = _known(nature, inner, text, occasion, vector)
    steps = [(firing.goal, step) for firing in firings for step in firing.steps]
    begun = next((number for number, (_, step) in enumerate(steps) if _is_outward(step)), len(steps))
    feelings = [(goal, step.emotion) for goal, step in steps[:begun] if step.emotion is not None]
    authored = [
        Stimulus(feeling.label, feeling.intensity, cause=goal, target=occasion.player, as_is=True)
        for goal, feeling in feelings
    ]
    related = [_change(step.relate) for _, step in steps[:begun] if step.relate is not None]
    goals = _without(firings, inner.bond.goals.done, [step for _, step in steps[begun:]])
    inner = _moved(inner, authored or stimuli, [*changes, *related], talked=talked)
    return Impulse(
        replace(inner, bond=replace(inner.bond, goals=goals)),
        _in_order(steps[begun:]),
        tuple(step.instruct for _, step in steps if step.instruct is not None),
        (*found.facts, *found.always),
        goals=tuple(firing.goal for firing in firings),
        feeling=feelings[-1][1] if feelings else None,
    )


def _known(nature: Nature, inner: Inner, text: str, occasion: Occasion, vector: Vectors | None) -> Recall:
    """What the character knows about a text; a small model gets one fact, which must not be about the lines before."""
    goes_back = not occasion.small or refers(text, nature.character.language)
    return nature.knowledge.recall(
        text,
        occasion.facts,
        awareness=inner.person.awareness,
        recent=occasion.recent if goes_back else (),
        query=vector[None] if vector is not None else None,
    )


def _is_outward(step: Step) -> bool:
    """Whether others notice a step."""
    return any(part is not None for part in (step.say, step.instruct, step.action, step.event))


def _without(firings: Sequence[Firing], before: frozenset[str], later: Sequence[Step]) -> GoalState:
    """The state of the goals when they have started, but for what they mark as done in steps that come later."""
    state = firings[-1].state
    started = {firing.goal for firing in firings}
    marks = {step.done for step in later if step.done is not None} - started - before
    return replace(state, done=state.done - marks)


def _change(relation: RelationChange) -> Change:
    return Change("author", Relation(**relation.model_dump()))


def _in_order(steps: Sequence[tuple[str, Step]]) -> tuple[Deed, ...]:
    """Steps as deeds in the author's order, each with the id of its goal.

    The model speaks where it is first instructed; where no words are given at all, before the first action, as people
    talk while they act.
    """
    deeds: list[Deed] = []
    asked = False
    wordless = not any(step.say is not None or step.instruct is not None for _, step in steps)
    for goal, step in steps:
        if (step.instruct is not None or (wordless and step.action is not None)) and not asked:
            deeds.append(ASK)
            asked = True
        if step.say is not None:
            deeds.append(Deed("say", step.say))
        elif step.action is not None:
            deeds.append(Deed("action", step.action))
        elif step.event is not None:
            deeds.append(Deed("event", event=step.event))
        elif step.emotion is not None:
            deeds.append(Deed("feel", feeling=step.emotion, goal=goal))
        elif step.relate is not None:
            deeds.append(Deed("relate", change=_change(step.relate)))
        elif step.done is not None:
            deeds.append(Deed("done", step.done))
    if wordless and not asked:
        deeds.append(ASK)
    return tuple(deeds)


def _moved(inner: Inner, stimuli: Sequence[Stimulus], changes: Sequence[Change], *, talked: bool = True) -> Inner:
    return Inner(inner.person.felt(stimuli), inner.bond.moved(changes, talked=talked))


def _refusal(nature: Nature, kind: RefusalKind, occasion: Occasion) -> Deed:
    lines = refusals(kind, nature.character)
    return Deed("say", lines[occasion.number % len(lines)])
