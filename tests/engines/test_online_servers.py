"""The online model and real servers of the embedded model: the same conversation in each form of reply they have."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from npc_runtime.content.action import ActionDefinition, ActionOption, ArgumentOption
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import ServiceError
from npc_runtime.llm.backend import Completion, Delta, Finish, ReplyFormat
from npc_runtime.llm.grammar import OPENING, reply_grammar
from npc_runtime.llm.online import OnlineModel
from npc_runtime.llm.parser import ReplyParser
from npc_runtime.llm.prompt import Exchange, messages, system_prompt
from npc_runtime.llm.providers import Capabilities, custom
from npc_runtime.llm.reply import ActionTag, EmotionTag, ParserEvent, SentenceEnd, Words
from npc_runtime.scene import Entity, Player, Scene

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

KEY = "key-of-the-test"
SMITH = CharacterFile.model_validate(
    {"name": "Brynja", "persona": {"summary": "Blacksmith of Hollowfen."}, "style": {"tone": "blunt"}}
)
MEND = ActionDefinition.model_validate(
    {"name": "mend", "description": "Mend a thing.", "args": {"item": {"type": "entity"}}}
)
NOW = ActionOption("mend", "Mend a thing.", (ArgumentOption("item", "choice", choices=("iron_sword", "axe")),))
SCENE = Scene(location="smithy", entities=(Entity("iron_sword", "iron sword"), Entity("axe", "axe")))
_NEEDED = ("llama_cpp", "fastapi", "sse_starlette", "starlette_context", "pydantic_settings")


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    kind: str


@contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"GOMP_SPINCOUNT": "1000"},  # as beside a game: spinning threads fight whatever else runs
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _llama_cpp(gguf: Path) -> Iterator[Served]:
    script = Path(__file__).with_name("_jinja_server.py")
    with _running([sys.executable, str(script), str(gguf), KEY]) as process:
        assert process.stdout is not None
        yield Served(process.stdout.readline().strip() + "/v1", "llama.cpp")


@contextmanager
def _llama_cpp_python(gguf: Path) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--model", str(gguf), "--host", "127.0.0.1", "--port", str(port), "--api_key", KEY]
    command = [sys.executable, "-m", "llama_cpp.server", *options, "--n_ctx", "2048", "--chat_format", "chatml"]
    with _running(command) as process:
        url = f"http://127.0.0.1:{port}/v1"
        deadline = time.monotonic() + 60
        while not _answers(f"{url}/models"):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.1)
        yield Served(url, "llama-cpp-python")


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(
            urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}"}), timeout=5
        ).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


@pytest.fixture(
    scope="module",
    params=[
        _llama_cpp,
        pytest.param(
            _llama_cpp_python,
            marks=pytest.mark.skipif(
                any(importlib.util.find_spec(name) is None for name in _NEEDED) and not os.environ.get("NPC_TEST_ALL"),
                reason="llama-cpp-python is not installed (it needs a compiler)",
            ),
        ),
    ],
    ids=["llama.cpp", "llama-cpp-python"],
)
def served(request: pytest.FixtureRequest, gguf: Path) -> Iterator[Served]:
    with request.param(gguf) as running:
        yield running


CAN: dict[str, tuple[ReplyFormat, Capabilities]] = {
    "tags": ("tags", Capabilities(grammar=True, prefill="message", usage=True)),
    "tags without a beginning": ("tags", Capabilities(grammar=True, usage=True)),
    "json": ("json", Capabilities(json_schema=True, usage=True)),
    "tools": ("tools", Capabilities(tools=True, usage=True)),
}


def model(served: Served, how: str) -> OnlineModel:
    form, can = CAN[how]
    return OnlineModel(
        custom(served.url, can=can), "smollm2", key=SecretStr(KEY), reply_format=form, first_token_timeout=60
    )


async def turn(mind: OnlineModel, history: list[Exchange], line: str) -> tuple[list[ParserEvent], Finish]:
    """One turn, as a session of a large model asks for it."""
    request = Completion(
        messages=messages(
            system_prompt(SMITH, [MEND], reply_format=mind.reply_format),
            history,
            line,
            player=Player(name="Tamsin"),
            scene=SCENE,
            options=[NOW],
        ),
        grammar=reply_grammar([NOW], max_sentences=2),
        opening=OPENING,
        max_tokens=80,
        seed=3,
        options=(NOW,),
        max_sentences=2,
    )
    parser, events, finish = ReplyParser(speaker="Brynja", max_sentences=2), [], None
    async with mind.stream(request) as items:
        async for item in items:
            if isinstance(item, Delta):
                events += parser.feed(item.text)
            else:
                finish = item
    assert finish is not None
    return [*events, *parser.close(complete=finish.complete)], finish


@pytest.mark.parametrize("how", CAN)
async def test_the_same_conversation(served: Served, how: str) -> None:
    mind = model(served, how)
    history: list[Exchange] = []
    try:
        for line in ("Good day. Who are you?", "Can you mend my axe?"):
            events, finish = await turn(mind, history, line)
            words = "".join(
                found.text if isinstance(found, Words) else " " if isinstance(found, SentenceEnd) else ""
                for found in events
            ).strip()
            assert words, events
            assert not set("[]{}") & set(words)
            assert any(isinstance(found, EmotionTag) for found in events)
            for action in (found for found in events if isinstance(found, ActionTag)):
                assert (action.name, action.args.get("item")) in (("mend", "iron_sword"), ("mend", "axe"))
            assert finish.prompt_tokens > 50
            assert 0 < finish.completion_tokens <= 80
            history.append(Exchange(line, words))
    finally:
        await mind.aclose()


async def test_it_goes_on_behind_what_was_written(served: Served) -> None:
    for how in ("tags", "json"):
        mind = model(served, how)
        written = "[emotion joy] Good day to you, stranger."
        request = Completion(
            messages=messages(system_prompt(SMITH, []), [], "Good day.", player=Player(), scene=None),
            written=written,
            max_tokens=60,
            seed=3,
            max_sentences=2,
        )
        text = ""
        async with mind.stream(request) as items:
            async for item in items:
                text += item.text if isinstance(item, Delta) else ""
        await mind.aclose()
        assert "Good day to you, stranger" not in text


async def test_a_wrong_key_is_said(served: Served) -> None:
    mind = OnlineModel(custom(served.url), "smollm2", key=SecretStr("wrong"))
    with pytest.raises(ServiceError) as caught:
        await turn(mind, [], "Hello.")
    await mind.aclose()
    assert caught.value.failing == "key"


async def test_a_server_that_is_warmed_knows_the_prompt(served: Served) -> None:
    if served.kind != "llama.cpp":
        pytest.skip("this server does not say what it had kept")
    mind = model(served, "tags")
    system = system_prompt(SMITH, [MEND])
    asked = messages(system, [], "Who are you?", player=Player(), scene=None)
    await mind.warm(Completion(messages=asked[:-1]), said="Who")
    async with mind.stream(Completion(messages=asked, max_tokens=4, seed=1)) as items:
        [finish] = [item async for item in items if isinstance(item, Finish)]
    await mind.aclose()
    assert finish.cached_tokens > finish.prompt_tokens * 0.6
