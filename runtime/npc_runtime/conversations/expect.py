"""Whether a turn brought what its author expects, and if not, what it brought instead."""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import ge, gt, le, lt

from npc_runtime import events
from npc_runtime.content.action import TARGET, Scalar
from npc_runtime.content.conversation import NO_ACTION, Expectation, MoodExpectation
from npc_runtime.content.yaml_tree import Location
from npc_runtime.conversations.outcome import Outcome
from npc_runtime.llm.sentences import SentenceSplitter
from npc_runtime.tts.language import spoken_language

_EXACT = 1e-6
"""Differences below this are none: mood and relation are computed."""
_SHORT = 3
"""Letters of a last word that must end where the text that is looked for ends: `an AI` is not in `an aid`."""
_COMPARED = re.compile(r"\s*(<=|>=|==|<|>)\s*(-?[0-9.]+)\s*")
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
    "==": lambda left, right: math.isclose(left, right, abs_tol=_EXACT),
}


@dataclass(frozen=True, slots=True)
class Miss:
    """One expectation that was not met."""

    at: Location
    """Keys below the turn, such as `expect`, `action`."""
    wanted: str
    found: str


def misses(expected: Expectation, found: Outcome, language: str) -> list[Miss]:
    """Judge a turn.

    Args:
        expected: What the author wants.
        found: What came of the turn.
        language: ISO 639-1 code of what the character speaks.

    Returns:
        Every expectation that was not met, in the order of the file's format; empty if all were.
    """
    if found.failure:
        return [Miss(("player",), "an answer", found.failure)]
    return [
        *_action(expected, found),
        *_emotion(expected, found),
        *_words(expected, found, language),
        *_mood(expected.mood or MoodExpectation(), found),
        *_relation(expected, found),
    ]


def _action(expected: Expectation, found: Outcome) -> Iterator[Miss]:
    wanted = expected.action
    if wanted is None:
        return
    done = ", ".join(action.name for action in found.actions) or "no action"
    if wanted == NO_ACTION:
        if found.actions:
            yield Miss(("expect", "action"), "no action", done)
        return
    named = [action for action in found.actions if action.name == wanted]
    if not named:
        yield Miss(("expect", "action"), wanted, done)
    elif not any(all(_given(action, *arg) for arg in expected.args.items()) for action in named):
        for name, value in expected.args.items():
            if not _given(named[0], name, value):
                actual = _argument(named[0], name)
                yield Miss(("expect", "args", name), f"{name}={value}", "nothing" if actual is None else str(actual))


def _argument(action: events.Action, name: str) -> Scalar | None:
    return action.target if name == TARGET and name not in action.args else action.args.get(name)


def _given(action: events.Action, name: str, wanted: Scalar) -> bool:
    actual = _argument(action, name)
    if isinstance(actual, bool) or isinstance(wanted, bool):
        return actual is wanted
    return actual == wanted or (actual is not None and str(actual) == str(wanted))


def _emotion(expected: Expectation, found: Outcome) -> Iterator[Miss]:
    labels = [emotion.label for emotion in found.emotions]
    if expected.emotion_in and not (labels and set(labels) <= set(expected.emotion_in)):
        yield Miss(("expect", "emotion_in"), " or ".join(expected.emotion_in), ", ".join(labels) or "no emotion")


def _words(expected: Expectation, found: Outcome, language: str) -> Iterator[Miss]:
    for key, texts, wanted in (("said", expected.said, True), ("not_said", expected.not_said, False)):
        for index, text in enumerate(texts):
            if contains(found.said, text, language) is not wanted:
                at: Location = ("expect", key, index)
                yield Miss(at, f'"{text}"' if wanted else f'not "{text}"', "not said" if wanted else "said")
    most = expected.max_sentences
    if most is not None and (count := sentences(found.said, language)) > most:
        yield Miss(("expect", "max_sentences"), f"at most {most} sentence{'s' * (most != 1)}", str(count))


def _mood(expected: MoodExpectation, found: Outcome) -> Iterator[Miss]:
    axes = (("pleasure", expected.pleasure), ("arousal", expected.arousal), ("dominance", expected.dominance))
    for number, (axis, wanted) in enumerate(axes):
        if wanted is None:
            continue
        value = found.mood.pad[number] if found.mood is not None else None
        if value is None or not _holds(wanted, value):
            yield Miss(
                ("expect", "mood", axis), f"{axis} {wanted.strip()}", "no mood" if value is None else _shown(value)
            )


def _relation(expected: Expectation, found: Outcome) -> Iterator[Miss]:
    for axis, wanted in expected.relation.items():
        before, after = getattr(found.before, axis), getattr(found.after, axis)
        if wanted in _CHANGES:
            met = _CHANGES[wanted](after - before)
            shown = f"{_shown(before)} → {_shown(after)}"
        else:
            met, shown = _holds(wanted, after), _shown(after)
        if not met:
            yield Miss(("expect", "relation", axis), f"{axis} {wanted.strip()}", shown)


_CHANGES: dict[str, Callable[[float], bool]] = {
    "increases": lambda by: by > _EXACT,
    "decreases": lambda by: by < -_EXACT,
    "unchanged": lambda by: abs(by) <= _EXACT,
}


def _holds(comparison: str, value: float) -> bool:
    read = _COMPARED.fullmatch(comparison)
    assert read is not None, "the model of the file lets nothing else through"
    return _OPERATORS[read[1]](value, float(read[2]))


def _shown(value: float) -> str:
    return f"{value:.3g}"


def contains(said: str, text: str, language: str) -> bool:
    """Whether a text was said, in any case of letters, at the beginning of a word.

    The last word may go on, as `sword` does in `swords`, unless it is short.

    Args:
        said: All that was said.
        text: What is looked for.
        language: ISO 639-1 code: letter cases differ.
    """
    said, text = _plain(said, language), _plain(text, language)
    bound = _is_letter(text[:1])
    short = len(re.findall(r"\w*$", text)[0]) <= _SHORT and _is_letter(text[-1:])
    at = said.find(text)
    while at >= 0:
        end = at + len(text)
        inside = (bound and at > 0 and _is_letter(said[at - 1])) or (short and _is_letter(said[end : end + 1]))
        if not inside:
            return True
        at = said.find(text, at + 1)
    return False


def _plain(text: str, language: str) -> str:
    text = unicodedata.normalize("NFC", " ".join(text.split())).replace("’", "'")
    return spoken_language(language.split("-")[0]).lower(text)


def _is_letter(sign: str) -> bool:
    """Whether it is a letter of a script with two cases: those put blanks between words."""
    return sign.lower() != sign.upper()


class _Counter:
    def __init__(self) -> None:
        self.sentences = 0

    def word(self, text: str) -> None:
        """Words do not count."""

    def end(self) -> None:
        self.sentences += 1


def sentences(text: str, language: str) -> int:
    """How many sentences a text has."""
    counter = _Counter()
    splitter = SentenceSplitter(counter, language)
    for sign in text:
        splitter.push(sign)
    splitter.newline()
    return counter.sentences
