"""Are replies right? Many seeded conversations with the embedded model, judged by something that is not the runtime.

Run: python tests/bench/bench_replies.py [--first N] [--seeds N] [--lines N] [--engine E] [--examples N] [--json]

Each seed is one conversation: the next of the bundled characters, in the scene of the demo or in a crowded one, hears
the next player lines in turn. Nothing is spoken aloud.
Goal: every reply parses, every action that leaves is allowed and valid, and nothing but speech is said.
"""

import itertools
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from _common import ROOT, add_engine, finish, goal, machine, median, p95, parser, settings_for, table
from _judge import Judge, speech_of, well_formed
from _lines import LINES, MARKET, Line

from npc_runtime import events
from npc_runtime.cli.demo import scene as demo_scene
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.engines import Engines
from npc_runtime.llm.backend import Completion, Delta, Finish, LanguageModel
from npc_runtime.scene import Scene
from npc_runtime.session import Session
from npc_runtime.speech import ClipHead, ClipPiece

_LOCAL_LIMIT = 28
"""Words after which the grammar ends a sentence."""


class SilentMouth:
    """A voice that takes no time and makes no sound."""

    @asynccontextmanager
    async def stream(self, text: str, character: CharacterFile) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        async def parts() -> AsyncIterator[ClipHead | ClipPiece]:
            yield ClipHead((), 0, 22050, "exact", character.language)

        yield parts()


class Recorder:
    """A model whose raw stream is kept."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.raw = ""
        self.end: Finish | None = None
        """None when the turn left the stream before its end."""

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def small(self) -> bool:
        return self._model.small

    async def start(self) -> None:
        await self._model.start()

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        self.raw, self.end = request.written, None
        async with self._model.stream(request) as items:
            yield self._kept(items)

    async def _kept(self, items: AsyncIterator[Delta | Finish]) -> AsyncIterator[Delta | Finish]:
        async for item in items:
            if isinstance(item, Delta):
                self.raw += item.text
            else:
                self.end = item
            yield item

    async def warm(self, request: Completion) -> None:
        await self._model.warm(request)

    async def aclose(self) -> None:
        await self._model.aclose()


@dataclass(slots=True)
class Tally:
    """What was counted over all replies."""

    replies: int = 0
    parsed: int = 0
    lossless: int = 0
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
            await session.say(character, line.text)
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
        tally, raw = self._tally, self._mind.raw
        tally.replies += 1
        pieces = [event.text for event in said if isinstance(event, events.Say)]
        actions = [event for event in said if isinstance(event, events.Action)]
        notices = [event.code for event in said if isinstance(event, events.Notice)]
        if self._mind.end is not None:
            tally.tokens.append(self._mind.end.completion_tokens)
        failed = any(isinstance(event, events.Error) for event in said)
        tally.failed += failed
        tally.left += self._mind.end is None
        tally.token_limit += self._mind.end is not None and not self._mind.end.complete
        tally.notices.update(notices)
        tally.long_sentences += any(
            len(part.split()) >= _LOCAL_LIMIT for part in speech_of(raw).replace("!", ".").replace("?", ".").split(".")
        )
        parsed = well_formed(raw)
        tally.parsed += parsed
        lossless = " ".join(" ".join(pieces).split()) == speech_of(raw)
        tally.lossless += lossless
        faults = self._judge.faults_of_speech(character, pieces)
        tally.speech.update(faults)
        for action in actions:
            fault = self._judge.fault_of_action(character, action.name, action.args, action.target, scene, last)
            last[action.name] = time.perf_counter()
            tally.sent += 1
            tally.right += not fault
            tally.by_name[action.name] += 1
            if fault:
                tally.actions[fault] += 1
                faults.append(f"{action.name}: {fault}")
        fitting = line.fitting & set(self._judge.characters[character]["actions"])
        names = {action.name for action in actions}
        if fitting:
            tally.plausible += 1
            tally.acted += bool(names)
            tally.fitted += bool(names & fitting)
        else:
            tally.idle_talk += 1
            tally.idle_acted += bool(names)
        problem = [*faults, *notices, *(["does not parse"] if not parsed else []), *(["lost"] if not lossless else [])]
        if problem:
            tally.examples.append(f"{seed} {character} {'; '.join(problem)} | {line.text} | {raw}")


async def run(engine: str, first: int, seeds: int, lines: int, progress: bool) -> Tally:
    """Hold all conversations."""
    library = Library.load([ROOT])
    judge, tally = Judge(ROOT), Tally()
    engines = Engines(settings_for(engine))
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
        "all of it said": tally.lossless / count,
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
        "speech faults": dict(tally.speech.most_common()),
        "action faults": dict(tally.actions.most_common()),
        "notices": dict(tally.notices.most_common()),
        "actions": dict(tally.by_name.most_common()),
    }
    goals = [
        goal("share of replies that parse", tally.parsed / count, 1.0, at_least=True),
        goal("share of actions that are right", tally.right / max(tally.sent, 1), 1.0, at_least=True),
        goal("replies with faulty speech", float(sum(tally.speech.values())), 0, at_least=False),
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
