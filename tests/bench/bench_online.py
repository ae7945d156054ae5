"""What the online path costs: the first clause through `OnlineModel` beside that of the raw openai SDK.

Run: python tests/bench/bench_online.py [--pairs N] [--json]

Both sides ask the same local server (llama.cpp with the embedded model) the same request with the same seed over a kept
connection, in turns, so that a drifting machine touches both; who is first changes from pair to pair. A clause ends at
its first mark behind the feeling. The goal is for the median of the differences within the pairs: <= 15 ms.
"""

import re
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
from _common import finish, goal, machine, median, p95, parser, settings_for, table
from pydantic import SecretStr

from npc_runtime.content.action import ActionOption, ArgumentOption
from npc_runtime.engines import put_together
from npc_runtime.llm.backend import Completion, Delta, Message
from npc_runtime.llm.grammar import OPENING, reply_grammar
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.online import OnlineModel
from npc_runtime.llm.online_request import chat_body, first_shape
from npc_runtime.llm.providers import Capabilities, custom

GOAL_MS = 15.0
_CLAUSE = re.compile(r"\][^,.;:!?]*[,.;:!?]")
_MEND = ActionOption("mend", "Mend a thing.", (ArgumentOption("item", "choice", choices=("iron_sword", "axe")),))
_LINES = ("Who are you?", "Can you mend my axe?", "What do you sell?", "Where is the inn?", "I have no money.")


def request(number: int) -> Completion:
    """What a session asks for in one turn."""
    system = "You are Brynja, the blacksmith of Hollowfen. You are blunt. " + "The forge is hot. " * 20
    return Completion(
        messages=(Message("system", system), Message("user", _LINES[number % len(_LINES)])),
        grammar=reply_grammar([_MEND], max_sentences=2),
        opening=OPENING,
        max_tokens=60,
        seed=number,
        conversation="brynja",
        options=(_MEND,),
        max_sentences=2,
    )


async def first_clause(pieces: AsyncIterator[str], start: float) -> float | None:
    """Milliseconds until a clause is complete, reading to the end; None if there is none."""
    text, found = "", None
    async for piece in pieces:
        text += piece
        if found is None and _CLAUSE.search(text):
            found = (time.perf_counter() - start) * 1000
    return found


async def raw(client: Any, body: dict[str, Any]) -> float | None:
    """Through the SDK alone."""
    import openai

    async def pieces() -> AsyncIterator[str]:
        yield OPENING
        async for chunk in stream:
            for choice in chunk.choices:
                if choice.delta.content:
                    yield choice.delta.content

    start = time.perf_counter()
    extra = {key: body[key] for key in ("grammar",)}
    plain = {key: value for key, value in body.items() if key not in extra}
    try:
        stream = await client.chat.completions.create(**plain, extra_body=extra)
    except openai.APIConnectionError:  # the server closed the kept connection just then: no pair
        return None
    try:
        return await first_clause(pieces(), start)
    finally:
        await stream.close()


async def ours(mind: OnlineModel, asked: Completion) -> float | None:
    """Through the online model."""

    async def pieces() -> AsyncIterator[str]:
        async for item in items:
            if isinstance(item, Delta):
                yield item.text

    start = time.perf_counter()
    async with mind.stream(asked) as items:
        return await first_clause(pieces(), start)


async def measure(pairs: int) -> dict[str, list[float]]:
    """Both sides, in turns."""
    import openai

    engines = await put_together(settings_for("xllamacpp"))
    times: dict[str, list[float]] = {"raw": [], "online": [], "difference": []}
    try:
        await engines.mind.start()
        assert isinstance(engines.mind, LocalModel)
        process = engines.mind.process
        url = f"{process.url}/v1"
        provider = custom(url, can=Capabilities(grammar=True, usage=True, prefill="message"))
        mind = OnlineModel(provider, "local", key=SecretStr(process.api_key), first_token_timeout=60)
        shape = first_shape(provider, "local", "tags")
        async with openai.AsyncOpenAI(base_url=url, api_key=process.api_key, max_retries=0) as client:
            for number in range(-2, pairs):
                asked = request(abs(number))
                body = chat_body(asked, shape, "local", "tags")
                found: dict[str, float | None] = {}
                # Whoever is second would find the prompt warm: a run before both makes it so for either.
                await raw(client, body | {"max_tokens": 1})
                for side in ("raw", "online")[:: 1 if number % 2 else -1]:
                    found[side] = await (raw(client, body) if side == "raw" else ours(mind, asked))
                one, other = found["raw"], found["online"]
                if number >= 0 and one is not None and other is not None:
                    times["raw"].append(one)
                    times["online"].append(other)
                    times["difference"].append(other - one)
        await mind.aclose()
    finally:
        with anyio.CancelScope(shield=True):
            await engines.aclose()
    return times


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--pairs", type=int, default=60)
    args = made.parse_args()
    before = machine()
    times = anyio.run(measure, args.pairs)
    rows = [
        {"first clause": side, "replies": len(found), "median ms": median(found), "p95 ms": p95(found)}
        for side, found in times.items()
    ]
    goals = [goal("overhead of the online path, ms", median(times["difference"]), GOAL_MS, at_least=False)]
    if not args.json:
        print(f"{before['cores']} cores, load {before['load_1min']}")
        table("first clause", rows)
    return finish(args.json, {"before": before, "after": machine(), "rows": rows}, goals)


if __name__ == "__main__":
    sys.exit(main())
