"""Model servers on this machine are known by what they answer, whatever their port and whoever they pretend to be."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given, settings, strategies
from tests._fault_server import unused_port
from tests.unit import _model_servers as stands

from npc_runtime.llm import probe
from npc_runtime.llm.local_servers import choose, discover, serving
from npc_runtime.llm.probe import Answer
from npc_runtime.llm.served import PATHS, LocalServer, ServedModel, read

pytestmark = pytest.mark.anyio

SHAPES: dict[str, tuple[dict[str, Any], str, dict[str, ServedModel]]] = {
    "Ollama": (
        stands.OLLAMA,
        "/v1",
        {
            "llama3.1:8b": ServedModel("llama3.1:8b", 8_000_000_000, 4_920_753_328, False, True),
            "qwen2.5:0.5b": ServedModel("qwen2.5:0.5b", 494_030_000, 397_821_319, True, False, 4096),
            "nomic-embed-text:latest": ServedModel("nomic-embed-text:latest", 137_000_000, 274_302_450),
            "gpt-oss:120b-cloud": ServedModel("gpt-oss:120b-cloud", 116_800_000_000, 384),
        },
    ),
    "LM Studio": (
        stands.LM_STUDIO,
        "/v1",
        {
            "qwen2-vl-7b-instruct": ServedModel("qwen2-vl-7b-instruct", 7 * 10**9, None, False, True, 32768),
            "meta-llama-3.1-8b-instruct": ServedModel("meta-llama-3.1-8b-instruct", 8 * 10**9, None, True, True, 4096),
            "text-embedding-nomic-embed-text-v1.5": ServedModel("text-embedding-nomic-embed-text-v1.5", loaded=True),
        },
    ),
    "llama-server": (
        stands.LLAMA_SERVER,
        "/v1",
        {"mistral": ServedModel("mistral", 7_248_023_552, 4_367_000_000, True, True, 4096)},
    ),
    "KoboldCpp": (
        stands.KOBOLDCPP,
        "/v1",
        {
            "koboldcpp/L3-8B-Stheno-v3.2-Q4_K_M": ServedModel(
                "koboldcpp/L3-8B-Stheno-v3.2-Q4_K_M", 8 * 10**9, None, True, True, 8192
            )
        },
    ),
    "text-generation-webui": (
        stands.TEXT_GENERATION_WEBUI,
        "/v1",
        {"Mistral-7B-Instruct-v0.3-GPTQ": ServedModel("Mistral-7B-Instruct-v0.3-GPTQ", 7 * 10**9, None, True, True)},
    ),
    "vLLM": (
        stands.VLLM,
        "/v1",
        {"Qwen/Qwen2.5-7B-Instruct": ServedModel("Qwen/Qwen2.5-7B-Instruct", 7 * 10**9, None, True, True, 32768)},
    ),
    "OpenAI-compatible": (
        {"/v1/models": stands.listing("gemma-3-4b-it", "bge-m3", owned_by="somebody")},
        "/v1",
        {
            "gemma-3-4b-it": ServedModel("gemma-3-4b-it", 4 * 10**9, capable=True),
            "bge-m3": ServedModel("bge-m3"),
        },
    ),
}


FIELDS = (
    "id", "name", "model", "data", "models", "owned_by", "meta", "n_params", "n_ctx", "size", "status", "value",
    "state", "type", "details", "parameter_size", "capabilities", "llm", "context_length", "result", "version",
    "model_name", "default_generation_settings", "max_model_len", "loaded_context_length",
)  # fmt: skip
"""Everything that is looked at."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not fail a test; those that wait for silence set it themselves."""
    monkeypatch.setattr(probe, "ANSWER", 20.0)
    monkeypatch.setattr(probe, "CONNECT", 20.0)


@pytest.mark.parametrize("kind", SHAPES)
async def test_a_server_is_known_by_its_answers(kind: str) -> None:
    answers, path, models = SHAPES[kind]
    with stands.serving(answers) as stand:
        (server,) = await discover([stand.port])
    assert (server.kind, server.base_url) == (kind, f"http://127.0.0.1:{stand.port}{path}")
    assert {model.name: model for model in server.models} == models
    assert bool(server.grammar) == (kind in ("llama-server", "KoboldCpp", "text-generation-webui"))
    assert not server.locked
    assert server.place == f"{kind} at 127.0.0.1:{stand.port}"


async def test_all_at_once_in_the_order_of_the_ports() -> None:
    with ExitStack() as stack:
        ports = [stack.enter_context(stands.serving(answers)).port for answers, _, _ in SHAPES.values()]
        found = await discover([*ports, ports[0]])
    assert [server.kind for server in found] == list(SHAPES)


async def test_lm_studio_before_it_had_an_interface_of_its_own() -> None:
    # For a path it does not know it answers 200 with an error inside.
    answers = {"/v1/models": stands.LM_STUDIO["/v1/models"]}
    with stands.serving(answers, missing={"error": "Unexpected endpoint or method. (GET /props)"}) as stand:
        (server,) = await discover([stand.port])
    assert server.kind == "OpenAI-compatible"
    assert [model.capable for model in server.models] == [True, True]


async def test_a_llama_server_that_switches_says_what_is_loaded() -> None:
    with stands.serving(stands.ROUTER) as stand:
        (server,) = await discover([stand.port])
    assert server.kind == "llama-server"
    assert {model.name: model.loaded for model in server.models} == {"gemma-3-4b-it": False, "qwen3-1.7b": True}


@pytest.mark.parametrize(
    "answers",
    [
        stands.KOBOLDCPP | {"/api/v1/model": {"result": "inactive"}},
        stands.TEXT_GENERATION_WEBUI | {"/v1/internal/model/info": {"model_name": "None"}},
        stands.TEXT_GENERATION_WEBUI | {"/v1/internal/model/info": {"model_name": None}},
        stands.OLLAMA | {"/api/tags": {"models": []}},
        stands.OLLAMA | {"/api/tags": {"models": None}, "/v1/models": {"object": "list", "data": None}},
    ],
)
async def test_a_server_without_a_model_offers_none(answers: dict[str, Any]) -> None:
    with stands.serving(answers) as stand:
        (server,) = await discover([stand.port])
    assert server.models == ()


async def test_anything_llm_gets_its_key_and_nobody_else_does() -> None:
    with (
        stands.serving(stands.ANYTHING_LLM, key="s3cret") as locked,
        stands.serving(stands.OLLAMA) as other,
        stands.serving(stands.VLLM | {"/version": {"version": "1"}}, key="s3cret") as foreign,
    ):
        (shut,) = await discover([locked.port])
        found = await discover([locked.port, other.port, foreign.port], keys={"AnythingLLM": "s3cret"})
    assert (shut.kind, shut.locked, shut.models) == ("AnythingLLM", True, ())
    assert shut.base_url.endswith("/api/v1/openai")
    assert (found[0].locked, [model.name for model in found[0].models]) == (False, ["tavern"])
    assert not found[0].models[0].capable
    assert "s3cret" not in repr(found)
    assert ("/api/v1/openai/models", "Bearer s3cret") in locked.asked
    assert {given for _, given in other.asked + foreign.asked} == {""}


async def test_a_vllm_with_a_key_is_known_by_what_it_says_without() -> None:
    locked = stands.VLLM["/v1/models"]

    def models(handler: BaseHTTPRequestHandler) -> None:
        good = handler.headers.get("Authorization") == "Bearer s3cret"
        stands.write(handler, locked if good else {"error": "Unauthorized"}, 200 if good else 401)

    with stands.serving({"/version": {"version": "0.11.0"}, "/v1/models": models}) as stand:
        (shut,) = await discover([stand.port])
        (server,) = await discover([stand.port], keys={"vLLM": "s3cret"})
    assert (shut.kind, shut.locked, shut.models) == ("vLLM", True, ())
    assert (server.kind, server.locked, len(server.models)) == ("vLLM", False, 1)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        handler.wfile.write(b" " * 65536)


def endless_header(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        handler.wfile.write(b"x" * 65536)


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n")
    for _ in range(4000):
        handler.wfile.write(b"{")
        handler.wfile.flush()
        time.sleep(0.02)


def huge(handler: BaseHTTPRequestHandler) -> None:
    stands.write(handler, stands.listing(*(f"model-{number}-8b" for number in range(80_000))))


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{"data": [')


@pytest.mark.parametrize("answer", [endless, endless_header, drip, huge, cut_short], ids=lambda answer: answer.__name__)
async def test_what_never_ends_or_is_far_too_much_is_left(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ANSWER", 0.5)
    with stands.serving({}, missing=answer) as hostile:
        assert await discover([hostile.port]) == ()


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Sign in</body></html>",
        b"[" * 100_000,
        b"9" * 100_000,
        b'{"data": {"id": 7}}',
        b"[1, 2]",
        b"null",
        b"\xff\xfe\x00",
        b"",
    ],
    ids=["html", "nested", "number", "object", "list", "null", "bytes", "nothing"],
)
async def test_what_is_no_answer_of_a_model_server(body: bytes) -> None:
    with stands.serving({}, missing=lambda handler: stands.write(handler, body, kind="text/html")) as stand:
        assert await discover([stand.port]) == ()


async def test_wrong_types_count_as_not_said() -> None:
    wrong: dict[str, Any] = {
        "/api/version": {"version": 12},
        "/api/tags": {
            "models": [
                7,
                {"name": ["x"]},
                {"name": ""},
                {"name": "bad\x1b[31m:8b"},
                {"name": "a\u202eb:8b"},
                {"name": "n" * 5000},
                {"name": "odd:8b", "size": "big", "details": [], "capabilities": "completion"},
                {"name": "nan:8b", "size": float("nan"), "details": {"parameter_size": {}}},
                {"name": "huge", "size": 10**40, "details": {"parameter_size": "9" * 4000 + "B"}},
            ]
        },
        "/api/ps": {"models": {"name": "odd:8b"}},
    }
    with stands.serving(wrong) as stand:
        (server,) = await discover([stand.port])
    assert server.models == (
        ServedModel("odd:8b", 8 * 10**9, capable=True),
        ServedModel("nan:8b", 8 * 10**9, capable=True),
        ServedModel("huge"),
    )


ANYTHING = strategies.recursive(
    strategies.sampled_from([None, True, "", "8b", "a:8b", 0, -1, 7, 10**12, 10**400, 0.5, float("inf"), float("nan")]),
    lambda inner: (
        strategies.lists(inner, max_size=3)
        | strategies.dictionaries(strategies.sampled_from(FIELDS), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(
    strategies.sampled_from([answers for answers, _, _ in SHAPES.values()]),
    strategies.dictionaries(strategies.sampled_from(PATHS), ANYTHING, max_size=4),
    strategies.lists(strategies.dictionaries(strategies.sampled_from(FIELDS), ANYTHING, max_size=6), max_size=3),
)
def test_whatever_they_say(known: dict[str, Any], said: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    listed = {path: {"data": entries, "models": entries} for path in ("/v1/models", "/api/v0/models", "/api/tags")}
    for bodies in (known | said, known | listed | said):
        server = read(1, {path: Answer(200, body) for path, body in bodies.items()})
        if server:
            assert all(0 < len(model.name) <= 200 and model.name.isprintable() for model in server.models)
            assert all((model.size or 1) > 0 and (model.context or 1) > 0 for model in server.models)


async def test_ten_thousand_models_are_not_all_kept() -> None:
    with stands.serving({"/v1/models": stands.listing(*(f"m{number}-8b" for number in range(10_000)))}) as stand:
        (server,) = await discover([stand.port])
    assert 0 < len(server.models) <= 200


async def test_a_redirect_is_not_followed_and_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with stands.serving(stands.OLLAMA) as target, stands.serving(stands.OLLAMA) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        def elsewhere(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", f"http://localhost:{target.port}{handler.path}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with stands.serving({}, missing=elsewhere) as stand:
            assert await discover([stand.port]) == ()
        assert len(stand.asked) > 1
        assert (target.asked, proxy.asked) == ([], [])


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


async def test_a_silent_port_hides_nobody(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ANSWER", 1.0)
    with unused_port() as nobody, stands.serving(stands.OLLAMA) as stand:
        assert [server.kind for server in await discover([silent, nobody, stand.port])] == ["Ollama"]


async def test_one_question_without_an_answer_does_not_spoil_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ANSWER", 1.0)
    with stands.serving(stands.OLLAMA | {"/props": drip}) as stand:
        (server,) = await discover([stand.port])
    assert (server.kind, len(server.models)) == ("Ollama", 4)


def test_the_shapes_are_json() -> None:
    assert json.loads(json.dumps(stands.OLLAMA)) == stands.OLLAMA


def offer(*models: ServedModel, grammar: str = "", port: int = 1) -> LocalServer:
    return LocalServer("Ollama", f"http://127.0.0.1:{port}/v1", models, grammar)


def able(name: str, billions: float | None, *, loaded: bool = False, size: int | None = None) -> ServedModel:
    return ServedModel(name, None if billions is None else int(billions * 1e9), size, loaded, True)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (able("small:3b", 3, loaded=True), able("large:8b", 8)),
        (able("llama3:8b", 8), able("qwen2.5-coder:14b", 14)),
        (able("llama3:8b", 8), able("deepseek-r1:14b", 14)),
        (able("llama3:8b", 8), able("small:3b", 3)),
        (able("small:3b", 3), able("giant:70b", 70)),
        (able("giant:32b", 32), able("giant:70b", 70)),
        (able("qwen2.5-coder:14b", 14, loaded=True), able("llama3:8b", 8)),
    ],
)
def test_which_of_two_is_taken(better: ServedModel, worse: ServedModel) -> None:
    for server in (offer(better, worse), offer(worse, better)):
        assert choose([server]) == (server, better)


def test_of_equals_the_one_that_keeps_to_a_grammar_then_the_first() -> None:
    model = able("llama3:8b", 8)
    plain, again, exact = offer(model), offer(model, port=2), offer(model, grammar="grammar", port=3)
    assert choose([plain, again]) == (plain, model)
    assert choose([plain, exact]) == (exact, model)


def test_what_cannot_or_does_not_fit_is_not_taken() -> None:
    tiny = ServedModel("qwen2.5:0.5b", 500_000_000, 400_000_000, True, False)
    large = able("llama3:8b", 8, size=5 << 30)
    assert choose([]) is None
    assert choose([offer(tiny)]) is None
    assert choose([offer(tiny, large)], room=4 << 30) is None
    assert choose([offer(tiny, large)], room=6 << 30) == (offer(tiny, large), large)
    loaded = able("llama3:8b", 8, loaded=True, size=5 << 30)
    assert choose([offer(loaded)], room=0) == (offer(loaded), loaded)


def test_a_model_by_the_name_that_people_write() -> None:
    server = offer(able("llama3:latest", 8), ServedModel("qwen2.5:0.5b"))
    assert serving([server], "llama3") == (server, server.models[0])
    assert serving([server], "qwen2.5:0.5b") == (server, server.models[1])
    assert serving([server], "qwen2.5") is None
