"""The language model's speed: what the grammar costs, what a warm prefix saves, what a busy core takes.

Run: python tests/bench/bench_llm.py [--engine E] [--pairs N] [--json]

The two sides of each ratio take turns within one run, so that a drifting machine touches both. A speed is counted from
the first token to the last. Side by side are: no grammar; the grammar of a turn; the grammar of all that the character
may do in a crowded scene.
Goals, for the default engine: with the grammar of a turn >= 0.90 of the speed without, one core busy >= 0.60 of idle.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import anyio
from _common import ROOT, add_engine, busy_core, finish, goal, machine, p95, parser, settings_for, table
from _lines import LINES, MARKET

from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.options import possible
from npc_runtime.actions.plausible import plausible
from npc_runtime.actions.situation import Situation
from npc_runtime.content.library import Library
from npc_runtime.engines import put_together
from npc_runtime.llm import local
from npc_runtime.llm.backend import Completion, Delta, LanguageModel
from npc_runtime.llm.grammar import OPENING, feeling_tag, reply_grammar, speech_grammar
from npc_runtime.llm.prompt import introduction, messages, relevant_facts, system_prompt
from npc_runtime.scene import Player

CHARACTER = "barnaby"
GOALS = {"grammar": 0.90, "busy": 0.60}
_FEWEST = 12
"""Tokens that a reply needs for a speed to mean something."""


@dataclass(frozen=True, slots=True)
class Run:
    """One reply, timed."""

    first_ms: float
    """Until the first token."""
    token_ms: float
    """Per token after that."""
    tokens: int
    prompt_tokens: int


@contextmanager
def endless(on: bool) -> Iterator[None]:
    """Without a grammar a reply may end at once; forbidding the end makes it as long as the one it is compared with."""
    if on:
        local._SAMPLING["ignore_eos"] = True
    try:
        yield
    finally:
        local._SAMPLING.pop("ignore_eos", None)


async def timed(model: LanguageModel, request: Completion) -> Run:
    """Let the model answer and look at the clock at every token."""
    marks: list[float] = []
    prompt = 0
    start = time.perf_counter()
    with endless(request.grammar is None):
        async with model.stream(request) as items:
            async for item in items:
                if isinstance(item, Delta):
                    marks.append(time.perf_counter())
                else:
                    prompt = item.prompt_tokens
    steps = max(len(marks) - 1, 1)
    return Run((marks[0] - start) * 1000, (marks[-1] - marks[0]) * 1000 / steps, len(marks), prompt)


class Prompts:
    """Requests as a turn of the character makes them."""

    def __init__(self) -> None:
        self._library = Library.load([ROOT])
        self._character = self._library.character(CHARACTER)
        self._actions = self._library.actions_for(CHARACTER)

    def request(self, line: str, kind: str, *, seed: int, small: bool = True, mark: str = "") -> Completion:
        """One request.

        Args:
            line: The player's words.
            kind: `free`: no grammar; `turn`: that of a small model's turn, which leaves out what is certain; `full`:
                everything that is possible spelled out, with two actions.
            seed: Of the reply.
            small: Whether the prompt is that of a small model.
            mark: Opens the prompt; a new one makes sure that no part of it is known to the engine.
        """
        situation = Situation(scene=MARKET, character=CHARACTER, relation=_trusting())
        options = possible(self._actions, situation, Ledger())
        few = plausible(options, line)
        sentences = self._character.style.max_sentences
        grammar = {
            "free": None,
            "turn": speech_grammar(max_sentences=sentences, may_act=bool(few)),
            "full": reply_grammar(options, max_sentences=sentences),
        }[kind]
        system = mark + system_prompt(self._character, self._actions, small=small)
        scene = None if small else MARKET
        return Completion(
            messages=messages(
                system,
                introduction(self._character, small=small),
                line,
                player=Player(),
                scene=scene,
                options=few,
                thoughts=tuple(f"You know: {fact}" for fact in relevant_facts(self._character.knowledge.facts, line))
                if small
                else (),
            ),
            grammar=grammar,
            written="" if kind == "full" else feeling_tag("interest", "weak", small=True),
            opening=OPENING if kind == "full" else "",
            max_tokens=45 * (sentences + 1),
            temperature=0.5,
            seed=seed,
            conversation=CHARACTER,
        )


def _trusting() -> Any:
    from npc_runtime.events import Relation

    return Relation(trust=0.5, familiarity=0.2)


async def grammar_cost(model: LanguageModel, prompts: Prompts, pairs: int) -> dict[str, list[Run]]:
    """Replies with and without grammar, in turns, equally long."""
    runs: dict[str, list[Run]] = {"free": [], "turn": [], "full": []}
    lines = LINES[CHARACTER]
    for number in range(pairs):
        line = lines[number % len(lines)].text
        length = (await timed(model, prompts.request(line, "turn", seed=number))).tokens
        order = ["free", "turn", "full"][:: 1 if number % 2 else -1]
        found = {}
        for kind in order:
            request = replace(prompts.request(line, kind, seed=number), max_tokens=length)
            found[kind] = await timed(model, request)
        if min(run.tokens for run in found.values()) >= _FEWEST:
            for kind, run in found.items():
                runs[kind].append(run)
    return runs


async def prefix_gain(model: LanguageModel, prompts: Prompts, pairs: int, *, small: bool) -> dict[str, list[Run]]:
    """First tokens of a prompt that is all new, and of one of which only the player's line is new."""
    runs: dict[str, list[Run]] = {"cold": [], "warm": []}
    lines = LINES[CHARACTER]
    for number in range(pairs):
        mark = f"({time.time_ns()}) "
        for step, kind in enumerate(("cold", "warm")):
            line = lines[(2 * number + step) % len(lines)].text
            request = prompts.request(line, "turn", seed=number, small=small, mark=mark)
            runs[kind].append(await timed(model, replace(request, max_tokens=2)))
    return runs


async def busy_cost(model: LanguageModel, prompts: Prompts, rounds: int) -> dict[str, list[Run]]:
    """Replies while the machine is idle and while one core is kept busy, in turns."""
    runs: dict[str, list[Run]] = {"idle": [], "busy": []}
    lines = LINES[CHARACTER]

    async def some(kind: str, number: int) -> None:
        for seed in range(3):
            request = prompts.request(lines[(number + seed) % len(lines)].text, "turn", seed=seed)
            run = await timed(model, request)
            if run.tokens >= _FEWEST:
                runs[kind].append(run)

    for number in range(rounds):
        await some("idle", number)
        with busy_core():
            await some("busy", number)
    return runs


def _paired(runs: dict[str, list[Run]], one: str, base: str) -> float:
    """Median over the pairs of how fast `one` is beside `base`."""
    return median(b.token_ms / a.token_ms for a, b in zip(runs[one], runs[base], strict=True))


def speeds(runs: dict[str, list[Run]]) -> list[dict[str, Any]]:
    """Rows of a table about speed."""
    rows = []
    for kind, found in runs.items():
        times = [run.token_ms for run in found]
        rows.append(
            {
                "": kind,
                "replies": len(found),
                "tokens/s": round(1000 / median(times), 1),
                "ms/token median": round(median(times), 2),
                "ms/token p95": round(p95(times), 2),
                "first token ms": round(median(run.first_ms for run in found), 1),
            }
        )
    return rows


def firsts(runs: dict[str, list[Run]]) -> list[dict[str, Any]]:
    """Rows of a table about first tokens."""
    return [
        {
            "": kind,
            "replies": len(found),
            "prompt tokens": round(median(run.prompt_tokens for run in found)),
            "median ms": round(median(run.first_ms for run in found), 1),
            "p95 ms": round(p95([run.first_ms for run in found]), 1),
        }
        for kind, found in runs.items()
    ]


async def measure(engine: str, pairs: int) -> dict[str, Any]:
    """Everything, on one engine."""
    engines = await put_together(settings_for(engine))
    prompts = Prompts()
    try:
        model = engines.mind
        await model.start()
        await timed(model, prompts.request("Hello.", "full", seed=1))
        grammar = await grammar_cost(model, prompts, pairs)
        short = await prefix_gain(model, prompts, pairs, small=True)
        long = await prefix_gain(model, prompts, max(pairs // 2, 3), small=False)
        busy = await busy_cost(model, prompts, max(pairs // 4, 2))
    finally:
        with anyio.CancelScope(shield=True):
            await engines.aclose()
    idle, loaded = ([run.token_ms for run in busy[kind]] for kind in ("idle", "busy"))
    return {
        "grammar": speeds(grammar),
        "short prompt": firsts(short),
        "long prompt": firsts(long),
        "busy": speeds(busy),
        "ratios": {
            "turn grammar / free": round(_paired(grammar, "turn", "free"), 3),
            "full grammar / free": round(_paired(grammar, "full", "free"), 3),
            "warm / cold first token, short": round(_first(short["warm"]) / _first(short["cold"]), 3),
            "warm / cold first token, long": round(_first(long["warm"]) / _first(long["cold"]), 3),
            "busy / idle": round(median(idle) / median(loaded), 3),
        },
    }


def _first(runs: Sequence[Run]) -> float:
    return median(run.first_ms for run in runs)


def main() -> int:
    made = parser(__doc__)
    add_engine(made)
    made.add_argument("--pairs", type=int, default=30)
    args = made.parse_args()
    before = machine()
    result = anyio.run(measure, args.engine, args.pairs)
    ratios = result["ratios"]
    goals = []
    if args.engine == "xllamacpp":
        goals = [
            goal("grammar of a turn / no grammar", ratios["turn grammar / free"], GOALS["grammar"], at_least=True),
            goal("one core busy / idle", ratios["busy / idle"], GOALS["busy"], at_least=True),
        ]
    after = machine()
    if not args.json:
        print(
            f"{args.engine}, {before['cores']} cores, load {before['load_1min']} before and {after['load_1min']} after"
        )
        table("speed by grammar", result["grammar"])
        table("first token by prefix, prompt of a small model", result["short prompt"])
        table("first token by prefix, prompt of a larger model", result["long prompt"])
        table("speed beside another process", result["busy"])
        table("ratios", [{"": key, "ratio": value} for key, value in ratios.items()])
    return finish(args.json, {"engine": args.engine, "before": before, "after": after, **result}, goals)


if __name__ == "__main__":
    sys.exit(main())
