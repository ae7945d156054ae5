"""Are replies right? Many seeded conversations with the embedded model, judged by something that is not the runtime.

Run: python tests/bench/bench_replies.py [--first N] [--seeds N] [--lines N] [--engine E] [--examples N] [--json]

Each seed is one conversation: the next of the bundled characters, in the scene of the demo or in a crowded one, hears
the next player lines in turn. Nothing is spoken aloud.
Goal: every reply follows from the grammars it was asked for with and is read whole, every action that leaves is allowed
and valid, nothing but speech is said, and nobody is left without an answer.
"""

import itertools
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
from _common import ROOT, add_engine, finish, goal, machine, median, p95, parser, settings_for, table
from _judge import Judge
from _lines import LINES, MARKET, Line
from _writing import Asked, faults_of_reading, faults_of_writing, speech_of, text_of, values_of

from npc_runtime import events
from npc_runtime.cli.demo import scene as demo_scene
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.engines import put_together
from npc_runtime.interview import Interview
from npc_runtime.llm.backend import Completion, Delta, Finish, LanguageModel, ReplyFormat
from npc_runtime.scene import Scene
from npc_runtime.session import Session
from npc_runtime.speech import ClipHead, ClipPiece, VoiceColour

_LOCAL_LIMIT = 28
"""Words after which the grammar ends a sentence."""


class SilentMouth:
    """A voice that takes no time and makes no sound."""

    @asynccontextmanager
    async def stream(
        self, text: str, character: CharacterFile, *, rank: int = 0, colour: VoiceColour | None = None
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        async def parts() -> AsyncIterator[ClipHead | ClipPiece]:
            yield ClipHead((), 0, 22050, "exact", character.language)

        yield parts()


class Recorder:
    """A model that is overheard."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.asked: list[Asked] = []
        """The requests that were made and what came of each; emptied by whoever has read it."""
        self.tokens = 0
        """What the model wrote; set to 0 by whoever has read it."""

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def reply_format(self) -> ReplyFormat:
        return self._model.reply_format

    @property
    def small(self) -> bool:
        return self._model.small

    async def start(self) -> None:
        await self._model.start()

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        blank = Asked(request.grammar or "", request.written, request.opening, "", "runtime")
        place = len(self.asked)
        self.asked.append(blank)
        async with self._model.stream(request) as items:
            yield self._overheard(items, place)

    async def _overheard(self, items: AsyncIterator[Delta | Finish], place: int) -> AsyncIterator[Delta | Finish]:
        async for item in items:
            one = self.asked[place]
            if isinstance(item, Delta):
                self.asked[place] = replace(one, text=one.text + item.text)
            else:
                self.asked[place] = replace(one, end="model" if item.complete else "limit")
                self.tokens += item.completion_tokens
            yield item

    async def count(self, texts: Sequence[str]) -> list[int]:
        return await self._model.count(texts)

    async def warm(self, request: Completion, *, said: str = "") -> None:
        await self._model.warm(request)

    async def aclose(self) -> None:
        await self._model.aclose()


@dataclass(slots=True)
class Tally:
    """What was counted over all replies."""

    replies: int = 0
    parsed: int = 0
    whole: int = 0
    drafts: int = 0
    failed: int = 0
    token_limit: int = 0
    left: int = 0
    long_sentences: int = 0
    sent: int = 0
    right: int = 0
    plausible: int = 0
    acted: int = 0
    fitted: int = 0
    idle_talk: int = 0
    idle_acted: int = 0
    tokens: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    writing: Counter[str] = field(default_factory=Counter)
    reading: Counter[str] = field(default_factory=Counter)
    speech: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)
    by_name: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


class Examiner:
    """Holds one conversation after another and judges every reply."""

    def __init__(self, library: Library, mind: LanguageModel, judge: Judge, tally: Tally) -> None:
        self._library = library
        self._mind = Recorder(mind)
        self._judge = judge
        self._tally = tally

    async def converse(self, seed: int, character: str, scene: Scene, lines: Sequence[Line], ears: Any) -> None:
        said: list[events.Event] = []
        last: dict[str, float] = {}
        session = Session(
            self._library, ears=ears, mind=self._mind, mouth=SilentMouth(), emit=said.append, scene=scene, seed=seed
        )
        for line in lines:
            said.clear()
            start = time.perf_counter()
            await Interview(session).say(character, line.text)
            self._tally.seconds.append(time.perf_counter() - start)
            self._examine(seed, character, scene, line, said, last)

    def _examine(
        self,
        seed: int,
        character: str,
        scene: Scene,
        line: Line,
        said: Sequence[events.Event],
        last: dict[str, float],
    ) -> None:
        tally, asked = self._tally, tuple(self._mind.asked)
        tally.tokens.append(self._mind.tokens)
        self._mind.asked.clear()
        self._mind.tokens = 0
        tally.replies += 1
        pieces = [event.text for event in said if isinstance(event, events.Say)]
        felt = [(event.label, event.strength) for event in said if isinstance(event, events.Emotion)]
        actions = [event for event in said if isinstance(event, events.Action)]
        notices = [event.code for event in said if isinstance(event, events.Notice)]
        acted = [action.name for action in actions]
        text = text_of(asked, acted)
        failed = any(isinstance(event, events.Error) for event in said)
        tally.failed += failed
        tally.drafts += sum(not one.written for one in asked[1:])
        tally.left += any(one.end == "runtime" for one in asked)
        tally.token_limit += any(one.end == "limit" for one in asked)
        tally.notices.update(notices)
        tally.long_sentences += any(
            len(part.split()) >= _LOCAL_LIMIT for part in speech_of(text).replace("!", ".").replace("?", ".").split(".")
        )
        miswritten = faults_of_writing(asked, text, notices)
        tally.writing.update(miswritten)
        tally.parsed += not miswritten
        misread = [] if failed else faults_of_reading(asked, text, pieces, felt, acted, notices)
        tally.reading.update(misread)
        tally.whole += " ".join(pieces).split() == speech_of(text).split()
        faults = self._judge.faults_of_speech(character, pieces)
        tally.speech.update(faults)
        for action in actions:
            written = values_of(text).get(action.name, {})
            fault = self._judge.fault_of_action(
                character, action.name, action.args, action.target, scene, last, written
            )
            last[action.name] = time.perf_counter()
            tally.sent += 1
            tally.right += not fault
            tally.by_name[action.name] += 1
            if fault:
                tally.actions[fault] += 1
                faults.append(f"{action.name}: {fault}")
        fitting = line.fitting & set(self._judge.characters[character]["actions"])
        names = set(acted)
        if fitting:
            tally.plausible += 1
            tally.acted += bool(names)
            tally.fitted += bool(names & fitting)
        else:
            tally.idle_talk += 1
            tally.idle_acted += bool(names)
        if problem := [*miswritten, *misread, *faults, *notices]:
            tally.examples.append(
                f"{seed} {character} {'; '.join(problem)} | {line.text} | {text} | {' '.join(pieces)}"
            )


async def run(engine: str, first: int, seeds: int, lines: int, progress: bool) -> Tally:
    """Hold all conversations."""
    library = Library.load([ROOT])
    judge, tally = Judge(ROOT), Tally()
    engines = await put_together(settings_for(engine))
    try:
        await engines.mind.start()
        examiner = Examiner(library, engines.mind, judge, tally)
        characters = sorted(LINES)
        streams = {
            (name, place): itertools.cycle(LINES[name]) for name in characters for place in range(2)
        }  # each place hears all the lines, however many a conversation takes
        for seed in range(first, first + seeds):
            name, place = characters[seed % len(characters)], seed // len(characters) % 2
            chosen = list(itertools.islice(streams[name, place], lines))
            await examiner.converse(seed, name, (demo_scene(), MARKET)[place], chosen, engines.ears)
            if progress and (seed - first) % 20 == 19:
                print(f"{seed - first + 1} of {seeds} conversations", file=sys.stderr, flush=True)
    finally:
        with anyio.CancelScope(shield=True):
            await engines.aclose()
    return tally


def main() -> int:
    made = parser(__doc__)
    add_engine(made)
    made.add_argument("--first", type=int, default=0, help="the first seed")
    made.add_argument("--seeds", type=int, default=200, help="conversations")
    made.add_argument("--lines", type=int, default=5, help="player lines per conversation")
    made.add_argument("--examples", type=int, default=0, help="print this many replies that were not perfect")
    args = made.parse_args()
    before = machine()
    tally = anyio.run(run, args.engine, args.first, args.seeds, args.lines, not args.json)
    count = max(tally.replies, 1)
    figures: dict[str, Any] = {
        "replies": tally.replies,
        "parse": tally.parsed / count,
        "said word for word": tally.whole / count,
        "asked for anew": tally.drafts,
        "turn failed": tally.failed,
        "cut off by the token limit": tally.token_limit,
        "stream left early": tally.left,
        f"sentence of {_LOCAL_LIMIT} words": tally.long_sentences,
        "actions sent": tally.sent,
        "actions right": tally.right / max(tally.sent, 1),
        "action plausible": tally.plausible,
        "  ... some action": tally.acted / max(tally.plausible, 1),
        "  ... a fitting action": tally.fitted / max(tally.plausible, 1),
        "mere talk": tally.idle_talk,
        "  ... some action all the same": tally.idle_acted / max(tally.idle_talk, 1),
        "tokens per reply": f"{median(tally.tokens):.0f}, p95 {p95(tally.tokens):.0f}",
        "seconds per reply": f"{median(tally.seconds):.2f}, p95 {p95(tally.seconds):.2f}",
    }
    counts = {
        "writing faults": dict(tally.writing.most_common()),
        "reading faults": dict(tally.reading.most_common()),
        "speech faults": dict(tally.speech.most_common()),
        "action faults": dict(tally.actions.most_common()),
        "notices": dict(tally.notices.most_common()),
        "actions": dict(tally.by_name.most_common()),
    }
    goals = [
        goal("share of replies that parse", tally.parsed / count, 1.0, at_least=True),
        goal("share of actions that are right", tally.right / max(tally.sent, 1), 1.0, at_least=True),
        goal("words, feelings or actions that were misread", float(sum(tally.reading.values())), 0, at_least=False),
        goal("replies with faulty speech", float(sum(tally.speech.values())), 0, at_least=False),
        goal("turns without an answer", float(tally.failed), 0, at_least=False),
    ]
    if not args.json:
        print(f"{args.engine}, {before['cores']} cores, load {before['load_1min']} before")
        table("replies", [{"figure": key, "value": value} for key, value in figures.items()])
        for name, counted in counts.items():
            table(name, [{name: key, "count": value} for key, value in counted.items()])
        for example in tally.examples[: args.examples]:
            print("  " + example)
    return finish(
        args.json, {"machine": before, **figures, **counts, "examples": tally.examples[: args.examples]}, goals
    )


if __name__ == "__main__":
    sys.exit(main())
