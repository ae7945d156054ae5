"""What happened in a turn, in the order and the words in which the page tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npc_runtime.report.words import Word, given, spread

Message = Mapping[str, Any]

_STAGES = {
    "endpoint": "End of speech",
    "stt": "Words recognised",
    "first_token": "First token",
    "first_clause": "First clause written",
    "first_audio": "First sound ready",
    "total": "Whole turn",
}
_UNHEARD = {
    "silence": "The recording is silent.",
    "no_speech": "There is sound in the recording, but no speech.",
    "unclear": "There is speech in the recording, but it was too unclear to understand.",
}


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of the reply, with its words in time."""

    text: str
    start_ms: float
    end_ms: float
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Feeling:
    """An `emotion` message and when in the audio it takes hold."""

    at_ms: float
    message: Message


@dataclass(frozen=True, slots=True)
class Stage:
    """One bar of the latency waterfall."""

    name: str
    label: str
    start_ms: float
    """When the stage before it was reached."""
    end_ms: float


@dataclass(frozen=True, slots=True)
class Story:
    """The whole turn as the page shows it; field names are the keys the scripts read."""

    outcome: str
    """done, interrupted or failed; `unfinished` when the messages stop before the turn's end."""
    headline: str
    """One sentence on what went wrong; empty when nothing did."""
    player_text: str
    unheard: str
    """Why there are no words of the player; empty when there are."""
    language: str
    text: str
    duration_ms: float
    """Length of the reply: of its sound, or of its subtitles and visemes when there is no sound."""
    clauses: tuple[Clause, ...]
    narration: tuple[str, ...]
    timing: str
    """How the viseme times came about: exact, estimated or energy; empty without visemes."""
    frames: tuple[tuple[float, float, str, float], ...]
    """start_ms, end_ms, shape, weight."""
    feelings: tuple[Feeling, ...]
    actions: tuple[Message, ...]
    remarks: tuple[Message, ...]
    """Notices and errors."""
    stages: tuple[Stage, ...]
    usage: Message | None


def tell(messages: Sequence[Message], *, player_text: str, duration_ms: float) -> Story:
    """Arrange the messages of one turn for the page.

    Args:
        messages: Wire messages in order.
        player_text: What the player said or wrote.
        duration_ms: Length of the reply's sound; 0 without sound.
    """
    heard = _last(messages, "heard")
    end = _last(messages, "turn.end")
    tracks = _of(messages, "visemes")
    frames = tuple(sorted(_frame(frame) for track in tracks for frame in track.get("frames", ())))
    says = _of(messages, "say")
    length = max([duration_ms, *(frame[1] for frame in frames), *(_number(say, "end_ms") for say in says)])
    clauses = _clauses(says, tracks, length)
    unheard = ""
    if not player_text and heard and not heard.get("text"):
        unheard = _UNHEARD.get(str(heard.get("reason", "")), "Nothing was heard.")
    outcome = str(end.get("reason", "done")) if end else "unfinished"
    remarks = _of(messages, "error") + _of(messages, "notice")
    return Story(
        outcome=outcome,
        headline=_headline(outcome, remarks, silent=duration_ms == 0, spoke=bool(says), unheard=unheard),
        player_text=player_text,
        unheard=unheard,
        language=str(heard.get("language", "")) if heard else "",
        text=str(end.get("text", "")) if end else " ".join(clause.text for clause in clauses),
        duration_ms=length,
        clauses=clauses,
        narration=tuple(str(message.get("text", "")) for message in _of(messages, "narration")),
        timing=str(tracks[-1].get("timing", "")) if tracks else "",
        frames=frames,
        feelings=_feelings(messages),
        actions=_of(messages, "action"),
        remarks=remarks,
        stages=_stages(end.get("timings", {}) if end else {}),
        usage=end.get("usage") if end else None,
    )


def _headline(outcome: str, remarks: tuple[Message, ...], *, silent: bool, spoke: bool, unheard: str) -> str:
    reasons = [str(remark.get("message", "")) for remark in remarks if remark.get("type") == "error"]
    why = f" {reasons[0]}" if reasons and reasons[0] else ""
    if outcome == "failed":
        return f"This turn failed.{why}"
    if outcome == "unfinished":
        return f"This turn did not come to its end.{why}" if not unheard else "Nobody answered, for nothing was said."
    if outcome == "interrupted":
        return "The player interrupted the reply."
    if not spoke:
        return "The character did not say anything."
    return "The reply has words but no sound." if silent else ""


def _clauses(says: Sequence[Message], tracks: Sequence[Message], length: float) -> tuple[Clause, ...]:
    voiced = {track.get("clause"): _voiced(track.get("frames", ())) for track in tracks}
    clauses: list[Clause] = []
    for number, say in enumerate(says):
        start = _number(say, "start_ms")
        following = _number(says[number + 1], "start_ms") if number + 1 < len(says) else length
        end = max(start, float(say["end_ms"]) if say.get("end_ms") is not None else following)
        text = str(say.get("text", ""))
        # Silence around a clause belongs to it, but no word is spoken there.
        first, last = voiced.get(say.get("clause")) or (start, end)
        words = given(say["words"]) if say.get("words") else spread(text, max(start, first), min(end, last))
        clauses.append(Clause(text, start, end, words))
    return tuple(clauses)


def _voiced(frames: Sequence[Sequence[Any]]) -> tuple[float, float] | None:
    sounds = [_frame(frame) for frame in frames if frame[2] != "sil"]
    return (min(frame[0] for frame in sounds), max(frame[1] for frame in sounds)) if sounds else None


def _feelings(messages: Sequence[Message]) -> tuple[Feeling, ...]:
    """Each emotion takes hold with the clause that is said next; one after the last clause, with that clause's end."""
    feelings: list[Feeling] = []
    waiting: list[Message] = []
    end = 0.0
    for message in messages:
        if message.get("type") == "emotion":
            waiting.append(message)
        elif message.get("type") == "say":
            feelings += [Feeling(_number(message, "start_ms"), one) for one in waiting]
            waiting = []
            end = _number(message, "end_ms") or _number(message, "start_ms")
    return (*feelings, *(Feeling(end, one) for one in waiting))


def _stages(timings: Mapping[str, Any]) -> tuple[Stage, ...]:
    marks = sorted(
        ((key.removesuffix("_ms"), float(value)) for key, value in timings.items() if isinstance(value, int | float)),
        key=lambda mark: (mark[0] == "total", mark[1]),
    )
    stages: list[Stage] = []
    before = 0.0
    for name, reached in marks:
        label = _STAGES.get(name, name.replace("_", " ").capitalize())
        stages.append(Stage(name, label, 0.0 if name == "total" else before, reached))
        before = reached
    return tuple(stages)


def _of(messages: Sequence[Message], kind: str) -> tuple[Message, ...]:
    return tuple(message for message in messages if message.get("type") == kind)


def _last(messages: Sequence[Message], kind: str) -> Message | None:
    return next((message for message in reversed(messages) if message.get("type") == kind), None)


def _number(message: Message, key: str) -> float:
    value = message.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _frame(frame: Sequence[Any]) -> tuple[float, float, str, float]:
    start, end, shape, weight = frame
    return float(start), float(end), str(shape), float(weight)
