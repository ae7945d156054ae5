"""Local servers: the model servers that run on this machine, found by themselves, and which of their models to take."""

from collections.abc import Iterable, Mapping, Sequence

import anyio

from npc_runtime.llm import model_names
from npc_runtime.llm.probe import ask, listening
from npc_runtime.llm.served import PATHS, Kind, LocalServer, ServedModel, read

PORTS = (11434, 1234, 8080, 5001, 5000, 8000, 3001)
"""Where they listen unless told otherwise: Ollama, LM Studio, llama-server, KoboldCpp, text-generation-webui, vLLM,
AnythingLLM."""
KEY_VARIABLES: Mapping[Kind, str] = {
    "LM Studio": "LM_API_TOKEN",
    "llama-server": "LLAMA_API_KEY",
    "vLLM": "VLLM_API_KEY",
    "AnythingLLM": "ANYTHINGLLM_API_KEY",
}
"""Environment variables in which people keep the keys of those servers that can want one."""
SWIFT = 14_000_000_000
"""Parameters beyond which a model answers too slowly beside a game on what most players have: our judgement."""


async def discover(ports: Sequence[int] = PORTS, *, keys: Mapping[Kind, str] | None = None) -> tuple[LocalServer, ...]:
    """Look for model servers on this machine, at all ports at the same time.

    It takes a few milliseconds where nobody listens, and at most `CONNECT + ANSWER` seconds (twice `ANSWER` where a
    key is needed): a port that accepts connections and says nothing costs no more.

    Args:
        ports: Where to look.
        keys: By kind of server; sent only to one that says it is of this kind, and that it wants a key.

    Returns:
        In the order of the ports.
    """
    found: dict[int, LocalServer] = {}

    async def look(port: int) -> None:
        if not await listening(port):
            return
        answers = await ask(port, PATHS)
        server = read(port, answers)
        if server and server.locked and (key := (keys or {}).get(server.kind)):
            paths = [path for path in PATHS if path in answers and answers[path].locked]
            server = read(port, {**answers, **await ask(port, paths, key=key)})
        if server:
            found[port] = server

    async with anyio.create_task_group() as tasks:
        for port in dict.fromkeys(ports):
            tasks.start_soon(look, port)
    return tuple(found[port] for port in dict.fromkeys(ports) if port in found)


def choose(servers: Iterable[LocalServer], *, room: int | None = None) -> tuple[LocalServer, ServedModel] | None:
    """The model to take when nobody chose one.

    Only capable models count. Before others come those that are in memory already (loading another one takes seconds
    to minutes, and often pushes the first one out), then those that neither think before they answer nor are made for
    code, then those up to `SWIFT` parameters, and of these the larger ones. Of equals, a server that keeps to a grammar
    wins, then the one that was found first.

    Args:
        servers: In the order in which they were found.
        room: Bytes of memory that a model which is not loaded may take; None if that is not known.

    Returns:
        A server and one of its models; None if there is no capable one.
    """
    offers = [
        (server, model)
        for server in servers
        for model in server.models
        if model.capable and (model.loaded or room is None or (model.size or 0) <= room)
    ]
    return max(offers, key=_preference, default=None)


def serving(servers: Iterable[LocalServer], name: str) -> tuple[LocalServer, ServedModel] | None:
    """The first server that offers a model of this name, whatever it can do; None if none does.

    Args:
        servers: In the order in which they were found.
        name: As the server says it; `:latest` may be left out, as everywhere with Ollama.
    """
    for server in servers:
        for model in server.models:
            if model.name in (name, f"{name}:latest"):
                return server, model
    return None


def _preference(offer: tuple[LocalServer, ServedModel]) -> tuple[bool, bool, bool, int, bool]:
    server, model = offer
    count = model.parameters or 0
    swift = count <= SWIFT
    quick = model_names.for_quick_talk(model.name)
    return model.loaded, quick, swift, count if swift else -count, bool(server.grammar)
