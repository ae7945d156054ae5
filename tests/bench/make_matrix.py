"""The matrix of the README: which models and services there are, what each can do here, and how that was tested.

Run: python tests/bench/make_matrix.py [--replies N] [--json]

It replaces what is between `<!-- matrix -->` and `<!-- /matrix -->` in README.md. The embedded model answers with its
real weights; each family is a tiny model with random weights, which writes nonsense under our grammar; each preset of
`assets/providers.toml` is asked with its declared capabilities at a local server that speaks its protocol.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from _common import ROOT, finish, goal, parser
from tests._fault_server import DONE, Answer, FaultServer, Step, call, chunk, reply
from tests.engines._tiny_models import MODELS, build

from npc_runtime.content.action import ActionOption, ArgumentOption
from npc_runtime.llm.backend import Completion, Delta, Finish, LanguageModel, Message, ReplyFormat
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.grammar import OPENING, reply_grammar
from npc_runtime.llm.local_file import local_model
from npc_runtime.llm.online import OnlineModel
from npc_runtime.llm.parser import ReplyParser
from npc_runtime.llm.providers import Provider, Providers
from npc_runtime.llm.reply import ActionTag, EmotionTag, ParserEvent, ParserNotice, Words
from npc_runtime.models.locate import locate
from npc_runtime.models.registry import Registry

BEGIN, END = "<!-- matrix -->", "<!-- /matrix -->"
MEND = ActionOption("mend", "Mend a thing.", (ArgumentOption("item", "choice", choices=("iron_sword", "axe")),))
LINES = ("Who are you?", "Can you mend my axe?", "What do you sell?", "Where is the inn?", "I have no money.")
BAD = frozenset({"unknown_emotion", "malformed_tag", "unknown_action", "malformed_action"})


@dataclass(frozen=True)
class Row:
    """What was found of one model or service."""

    name: str
    streams: bool
    valid: int
    """Replies that begin with a feeling and have no tag that is wrong."""
    acted: int
    """Replies with an action that is possible."""
    replies: int
    how: str

    def cells(self) -> list[str]:
        """For the table."""
        share = round(100 * self.valid / self.replies)
        return [self.name, "yes" if self.streams else "no", str(share), "yes" if self.acted else "no", self.how]


async def ask(name: str, model: LanguageModel, replies: int, how: str) -> Row:
    """Let a model answer so many times, and end it."""
    streams, valid, acted = False, 0, 0
    try:
        for number in range(replies):
            pieces, complete = await _answer(model, number)
            reader = ReplyParser(speaker="Brynja", player="Tamsin", max_sentences=2, language="en")
            events: list[ParserEvent] = [event for piece in pieces for event in reader.feed(piece)]
            events += reader.close(complete=complete)
            streams = streams or len(pieces) > 2
            valid += _is_valid(events)
            acted += any(isinstance(event, ActionTag) and event.name == MEND.name for event in events)
    finally:
        with anyio.CancelScope(shield=True):
            await model.aclose()
    return Row(name, streams, valid, acted, replies, how)


async def _answer(model: LanguageModel, number: int) -> tuple[list[str], bool]:
    """The pieces of one reply, and whether it came to its end."""
    messages = (Message("system", "You are Brynja, a smith."), Message("user", LINES[number % len(LINES)]))
    request = Completion(
        messages=messages,
        grammar=reply_grammar([MEND], max_sentences=2),
        opening=OPENING,
        max_tokens=320,
        seed=number,
        player="Tamsin",
        character="Brynja",
        options=(MEND,),
        max_sentences=2,
    )
    async with model.stream(request) as items:
        *parts, finish = [item async for item in items]
    assert isinstance(finish, Finish)
    return [part.text for part in parts if isinstance(part, Delta)], finish.complete


def _is_valid(events: Sequence[ParserEvent]) -> bool:
    telling = [event for event in events if isinstance(event, EmotionTag | Words)]
    wrong = [event for event in events if isinstance(event, ParserNotice) and event.code in BAD]
    return bool(telling) and isinstance(telling[0], EmotionTag) and not wrong


def _scripted(form: ReplyFormat) -> list[Step]:
    """The same reply in each form, as services write it."""
    tags = ["[emotion joy ", "weak] Give it ", "to me, then. "]
    if form == "json":
        said = {"emotion": "joy", "strength": "weak", "speech": "Give it to me, then."}
        text = json.dumps(said | {"actions": [{"action": "mend", "item": "axe"}]})
        return reply(*(text[at : at + 8] for at in range(0, len(text), 8)))
    if form == "tools":
        pieces = [chunk(calls=[call(0, "mend", '{"item": ')]), chunk(calls=[call(0, "", '"axe"}')])]
        return [*map(chunk, tags), *pieces, chunk(finish="tool_calls"), DONE]
    return reply(*tags, "[action mend ", "item=axe]")


async def _of_service(provider: Provider) -> Row:
    with FaultServer(Answer(_scripted(provider.reply_format))) as server:
        here = provider.model_copy(update={"base_url": server.url, "keys": (), "api": "chat", "responses_only": ()})
        model = OnlineModel(here, here.model or "model", first_token_timeout=30)
        return await ask(provider.name, model, 1, f"protocol server, replies as {provider.reply_format}")


async def measure(replies: int) -> list[Row]:
    """All rows."""
    registry = Registry.load()
    with tempfile.TemporaryDirectory() as folder:

        def config(path: Path) -> ChildConfig:
            return ChildConfig("xllamacpp", str(path), "", 1024, 1, 0, 1, 2, 0)

        entry = registry.default("llm")
        found = locate(entry.id, cache=Path(folder), kind="llm", registry=registry)
        embedded = local_model(entry.id, config(found.path))
        rows = [await ask(f"{entry.id} (embedded)", embedded, replies, "real weights")]
        for family, tiny in MODELS.items():
            path = build(tiny, Path(folder) / f"{family}.gguf")
            rows.append(await ask(f"{family} (GGUF)", local_model(family, config(path)), 40, "tiny random weights"))
    return rows + [await _of_service(provider) for provider in Providers.load().entries]


def written(rows: Sequence[Row]) -> str:
    """The table in Markdown."""
    heads = ["model or service", "streams", "valid tags %", "actions", "tested with"]
    lines = [heads, ["---"] * len(heads), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> int:
    """Measure, and write the table."""
    made = parser(__doc__)
    made.add_argument("--replies", type=int, default=40, help="of the embedded model")
    args = made.parse_args()
    rows = anyio.run(measure, args.replies)
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"README.md needs the lines {BEGIN} and {END}")
    readme.write_text(f"{before}{BEGIN}\n{written(rows)}\n{END}{after}", encoding="utf-8")
    if not args.json:
        print(written(rows))
    worst = min(100 * row.valid / row.replies for row in rows)
    result: dict[str, Any] = {"rows": [row.cells() for row in rows]}
    return finish(args.json, result, [goal("valid tags of the worst, %", worst, 95, at_least=True)])


if __name__ == "__main__":
    sys.exit(main())
