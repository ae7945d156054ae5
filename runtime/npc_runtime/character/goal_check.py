"""What cannot work among the goals of a character: some hide others, some can never start, some never end."""

from collections.abc import Iterator, Mapping, Sequence

from npc_runtime.character.intents import IntentMatcher, has_keyword
from npc_runtime.character.possible import asked_done, can_hold, why_never
from npc_runtime.content.action import ActionDefinition
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.fields import Mistake
from npc_runtime.content.goal import Goal
from npc_runtime.content.model_check import suggest

_MOST_COMPARED = 300
"""Goals, examples and keywords that are compared with one another: the cost grows with their square."""


def goal_mistakes(character: CharacterFile, actions: Mapping[str, ActionDefinition]) -> tuple[Mistake, ...]:
    """Find what cannot work, whatever happens in the game.

    Args:
        character: The character.
        actions: All actions that packs define, by name; unknown ones are another check's business.

    Returns:
        Mistakes; each `at` counts from the top of the character's file.
    """
    goals = character.goals
    possible = [can_hold(goal.require) for goal in goals]
    known = {goal.id for goal in goals} | {mark for goal in goals for mark in _marks(goal)} | set(character.actions)
    never = known - _reached(goals, possible, character.actions, known)
    startable = [possible[number] and can_hold(goal.require, never) for number, goal in enumerate(goals)]
    return (
        *_contradictions(goals, possible),
        *_unreachable(goals, possible, startable, known, never),
        *_idle_actions(goals, possible, actions),
        *_endless(goals),
        *_hidden(goals, startable, character.language),
    )


def _contradictions(goals: Sequence[Goal], possible: Sequence[bool]) -> Iterator[Mistake]:
    for number, goal in enumerate(goals):
        if not possible[number]:
            message = f"the goal `{goal.id}` can never start: {why_never(goal.require)}"
            yield Mistake(message, "change `require`", ("goals", number, "require"))


def _unreachable(
    goals: Sequence[Goal], possible: Sequence[bool], startable: Sequence[bool], known: set[str], never: set[str]
) -> Iterator[Mistake]:
    unknown: set[str] = set()
    for number, goal in enumerate(goals):
        for at, text in enumerate(goal.require):
            for name in sorted(asked_done([text]) - known):
                unknown.add(name)
                message = f"nothing ever does `{name}`: it is no goal, no `done` of a goal and no action here"
                yield Mistake(message, suggest(name, sorted(known)), ("goals", number, "require", at))
    for number, goal in enumerate(goals):
        missing = sorted(asked_done(goal.require) & never)
        if missing and possible[number] and not startable[number]:
            what = "itself" if missing == [goal.id] else ", ".join(f"`{name}`" for name in missing)
            message = f"the goal `{goal.id}` can never start: it waits for {what} to be done"
            yield Mistake(message, "that never happens before it", ("goals", number, "require"))


def _reached(goals: Sequence[Goal], possible: Sequence[bool], actions: Sequence[str], known: set[str]) -> set[str]:
    """Everything that can ever be done, by working forward from what needs nothing to be done before."""
    asking: dict[str, list[int]] = {}
    for number, goal in enumerate(goals):
        for name in asked_done(goal.require):
            asking.setdefault(name, []).append(number)
    reached, waiting = set(actions), list(range(len(goals)))
    while waiting:
        number = waiting.pop()
        fresh = {goals[number].id, *_marks(goals[number])} - reached
        if fresh and possible[number] and can_hold(goals[number].require, known - reached):
            reached |= fresh
            waiting += [other for name in sorted(fresh) for other in asking.get(name, ())]
    return reached


def _idle_actions(
    goals: Sequence[Goal], possible: Sequence[bool], actions: Mapping[str, ActionDefinition]
) -> Iterator[Mistake]:
    for number, goal in enumerate(goals):
        for at, step in enumerate(goal.do):
            definition = actions.get(step.action or "")
            if definition is None or not possible[number]:
                continue
            where = ("goals", number, "do", at, "action")
            if definition.permission == "never":
                message = f"`{step.action}` is never permitted, so this step does nothing"
                yield Mistake(message, "change its `permission`, or remove the step", where)
            elif not can_hold(definition.require):
                message = f"`{step.action}` is never possible: {why_never(definition.require)}"
                yield Mistake(message, "change the action's `require`", where)
            elif not can_hold((*goal.require, *definition.require)):
                message = (
                    f"`{step.action}` is never possible when `{goal.id}` starts: their conditions exclude each other"
                )
                yield Mistake(message, "change the `require` of the goal or of the action", where)


def _endless(goals: Sequence[Goal]) -> Iterator[Mistake]:
    """Circles of goals that start one another by events, with nothing that slows them down."""
    free = {goal.id: goal for goal in goals[:_MOST_COMPARED] if goal.repeatable and not goal.cooldown}
    follow = {
        goal.id: [other.id for other in free.values() if other.when.event in _events(goal)] for goal in free.values()
    }
    numbers = {goal.id: number for number, goal in enumerate(goals)}
    told: set[str] = set()
    for first in free:
        circle = _circle(first, follow)
        if circle and not told & set(circle):
            told.update(circle)
            path = " → ".join(f"`{name}`" for name in (*circle, first))
            hint = "give one of them a `cooldown`, or do not make it repeatable"
            yield Mistake(f"these goals start one another for ever: {path}", hint, ("goals", numbers[first]))


def _circle(first: str, follow: Mapping[str, Sequence[str]]) -> list[str]:
    """The shortest way from a goal back to itself; empty when there is none."""
    paths, seen = [[first]], {first}
    while paths:
        path = paths.pop(0)
        for name in follow[path[-1]]:
            if name == first:
                return path
            if name not in seen:
                seen.add(name)
                paths.append([*path, name])
    return []


def _hidden(goals: Sequence[Goal], startable: Sequence[bool], language: str) -> Iterator[Mistake]:
    """Examples and keywords for which another goal starts instead."""
    matcher = IntentMatcher([goal.when.intent for goal in goals], language)
    left = _MOST_COMPARED
    for number, goal in enumerate(goals):
        lines = [("intent", at, line) for at, line in enumerate(goal.when.intent)]
        lines += [("keyword", at, line) for at, line in enumerate(goal.when.keyword)]
        for key, at, line in lines[: max(0, left)]:
            rival = _rival(goals, startable, matcher, language, number, key, line)
            if rival is not None:
                message = f"when the player says this, the goal `{goals[rival].id}` starts instead of `{goal.id}`"
                hint = "word one of them differently, or give them conditions that exclude each other"
                yield Mistake(message, hint, ("goals", number, "when", key, at))
        left -= len(lines)


def _rival(
    goals: Sequence[Goal],
    startable: Sequence[bool],
    matcher: IntentMatcher,
    language: str,
    number: int,
    key: str,
    line: str,
) -> int | None:
    """The goal that takes a line away from the one it was written for."""
    same = [match.goal for match in matcher.ranked(line) if match.confidence == 1.0]
    scores = matcher.scores(line) if key == "intent" else {}
    own = scores.get(number, float("-inf"))
    for other, goal in enumerate(goals[:_MOST_COMPARED]):
        heard = has_keyword(goal.when.keyword, line, language)
        closer = key == "intent" and (heard or scores.get(other, float("-inf")) > own)
        earlier = other < number and (heard or other in same)
        hides = (closer or earlier) and other != number and goal.repeatable and startable[other] and startable[number]
        if hides and can_hold((*goal.require, *goals[number].require)):
            return other
    return None


def _marks(goal: Goal) -> set[str]:
    return {step.done for step in goal.do if step.done is not None}


def _events(goal: Goal) -> set[str]:
    return {step.event.name for step in goal.do if step.event is not None}
