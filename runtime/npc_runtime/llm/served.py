"""Served models: what the answers of a local model server say about it, each known server read in its own way.

The shapes are those that each project documents for its HTTP interface; a field that is missing, or of another type, is
taken as not said.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from npc_runtime.llm import model_names
from npc_runtime.llm.probe import HOST, Answer

Kind = Literal[
    "Ollama",
    "LM Studio",
    "llama-server",
    "KoboldCpp",
    "text-generation-webui",
    "vLLM",
    "AnythingLLM",
    "OpenAI-compatible",
]

MODELS = "/v1/models"
WORKSPACES = "/api/v1/openai/models"
PATHS = (
    MODELS,
    WORKSPACES,
    "/api/extra/version",
    "/api/extra/true_max_context_length",
    "/api/v1/model",
    "/v1/internal/model/info",
    "/api/v0/models",
    "/api/version",
    "/api/tags",
    "/api/ps",
    "/props",
    "/version",
    "/api/ping",
)
"""What a server is asked. All of them only tell: none loads a model or wakes one up."""

ENOUGH = 1_000_000_000
"""Parameters from which on a model can play a role; those in their names are rounded, so a little less will do."""
_NEARLY = 0.9
_ENOUGH_BYTES = 500 << 20
"""A file of so many parameters at four bits each is this large."""
_MOST_MODELS = 200
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server offers."""

    name: str
    """As requests must name it."""
    parameters: int | None = None
    size: int | None = None
    """Bytes of its file."""
    loaded: bool = False
    """Whether it is in memory now."""
    capable: bool = False
    """Whether it answers people, on this machine, and has about a billion parameters or more. Where nothing tells its
    size, a model that somebody loaded counts as large enough."""
    context: int | None = None
    """Tokens of one conversation."""


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A model server on this machine."""

    kind: Kind
    base_url: str
    """Address of its OpenAI-compatible interface, up to `/v1`."""
    models: tuple[ServedModel, ...] = ()
    grammar: str = ""
    """Field of a request that takes a grammar in GBNF; empty if it takes none."""
    locked: bool = False
    """Whether it wants a key before it tells its models."""

    @property
    def place(self) -> str:
        """Where it is, for people: `Ollama at 127.0.0.1:11434`."""
        return f"{self.kind} at {self.base_url.removeprefix('http://').partition('/')[0]}"


def read(port: int, answers: Mapping[str, Answer]) -> LocalServer | None:
    """Recognise a server by what it answers.

    KoboldCpp, text-generation-webui and others also answer in Ollama's or OpenAI's name, so whoever says its own name
    comes first.

    Args:
        port: Where it answered.
        answers: To `PATHS`.

    Returns:
        None if it is no model server.
    """
    bodies = {path: answer.body if isinstance(answer.body, dict) else {} for path, answer in answers.items()}
    kind = _kind(answers, bodies)
    if kind is None:
        return None
    path, grammar = _WAYS[kind]
    models = {model.name: model for model in _READERS.get(kind, _listed)(bodies) if model.name}
    return LocalServer(
        kind=kind,
        base_url=f"http://{HOST}:{port}{path}",
        models=tuple(models.values()),
        grammar=grammar,
        locked=_locked(answers, WORKSPACES if kind == "AnythingLLM" else MODELS),
    )


_WAYS: Mapping[Kind, tuple[str, str]] = {
    "Ollama": ("/v1", ""),
    "LM Studio": ("/v1", ""),
    "llama-server": ("/v1", "grammar"),
    "KoboldCpp": ("/v1", "grammar"),
    "text-generation-webui": ("/v1", "grammar_string"),
    "vLLM": ("/v1", ""),
    "AnythingLLM": ("/api/v1/openai", ""),
    "OpenAI-compatible": ("/v1", ""),
}
"""Kind → path of its OpenAI-compatible interface, and the field that takes a grammar."""


def _kind(answers: Mapping[str, Answer], bodies: Mapping[str, dict[str, Any]]) -> Kind | None:
    def said(path: str) -> dict[str, Any]:
        return bodies.get(path, {})

    owners = [entry.get("owned_by") for entry in _entries(said(MODELS).get("data"))]
    if said("/api/extra/version").get("result") == "KoboldCpp":
        return "KoboldCpp"
    if "model_name" in said("/v1/internal/model/info"):
        return "text-generation-webui"
    if any("state" in entry and "type" in entry for entry in _entries(said("/api/v0/models").get("data"))):
        return "LM Studio"
    if "version" in said("/api/version") and "models" in said("/api/tags"):
        return "Ollama"
    # With a key it tells nothing without it, but for its name.
    named = _locked(answers, MODELS) and answers[MODELS].server == "llama.cpp"
    if named or "llamacpp" in owners or "default_generation_settings" in said("/props"):
        return "llama-server"
    if "vllm" in owners or (_locked(answers, MODELS) and isinstance(said("/version").get("version"), str)):
        return "vLLM"
    if said("/api/ping").get("online") is True and (_locked(answers, WORKSPACES) or "data" in said(WORKSPACES)):
        return "AnythingLLM"
    return "OpenAI-compatible" if isinstance(said(MODELS).get("data"), list) else None


def _locked(answers: Mapping[str, Answer], path: str) -> bool:
    return path in answers and answers[path].locked


def _ollama(bodies: Mapping[str, dict[str, Any]]) -> Iterator[ServedModel]:
    running = {name: entry for entry in _entries(bodies.get("/api/ps", {}).get("models")) if (name := _name(entry))}
    for entry in _entries(bodies.get("/api/tags", {}).get("models")):
        name = _name(entry)
        details = entry.get("details")
        said = details.get("parameter_size") if isinstance(details, dict) else None
        can = entry.get("capabilities")
        # A model with a remote host runs in Ollama's cloud: what players say would leave this machine.
        away = bool(entry.get("remote_host") or entry.get("remote_model"))
        yield _model(
            name,
            parameters=model_names.parameters(said) if isinstance(said, str) and len(said) < _LONGEST else None,
            size=entry.get("size"),
            loaded=name in running and not away,
            context=running.get(name, {}).get("context_length"),
            fit=not away and (not isinstance(can, list) or "completion" in can),
        )


def _lm_studio(bodies: Mapping[str, dict[str, Any]]) -> Iterator[ServedModel]:
    for entry in _entries(bodies["/api/v0/models"].get("data")):
        yield _model(
            entry.get("id"),
            loaded=entry.get("state") == "loaded",
            context=entry.get("loaded_context_length") or entry.get("max_context_length"),
            fit=entry.get("type") in ("llm", "vlm"),
        )


def _llama_server(bodies: Mapping[str, dict[str, Any]]) -> Iterator[ServedModel]:
    props = bodies.get("/props", {})
    settings = props.get("default_generation_settings")
    window = settings.get("n_ctx") if isinstance(settings, dict) else None
    entries = _entries(bodies.get(MODELS, {}).get("data"))
    abilities = {_name(entry): entry.get("capabilities") for entry in _entries(bodies.get(MODELS, {}).get("models"))}
    for entry in entries:
        meta = entry.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        status = entry.get("status")  # only a server that switches between models says it
        can = abilities.get(str(entry.get("id")))
        yield _model(
            entry.get("id"),
            parameters=meta.get("n_params"),
            size=meta.get("size"),
            loaded=status.get("value") == "loaded" if isinstance(status, dict) else True,
            context=meta.get("n_ctx") or (window if len(entries) == 1 else None),
            fit=not isinstance(can, list) or "completion" in can,
        )


def _koboldcpp(bodies: Mapping[str, dict[str, Any]]) -> Iterator[ServedModel]:
    name = bodies.get("/api/v1/model", {}).get("result")
    if name not in ("inactive", "koboldcpp/inactive"):
        context = bodies.get("/api/extra/true_max_context_length", {}).get("value")
        yield _model(name, loaded=True, context=context)


def _text_generation_webui(bodies: Mapping[str, dict[str, Any]]) -> Iterator[ServedModel]:
    name = bodies["/v1/internal/model/info"].get("model_name")
    if name != "None":
        yield _model(name, loaded=True)


def _anything_llm(bodies: Mapping[str, dict[str, Any]]) -> Iterator[ServedModel]:
    listing = bodies.get(WORKSPACES, {})
    for entry in _entries(listing.get("data") or listing.get("models")):
        llm = entry.get("llm")
        behind = llm.get("model") if isinstance(llm, dict) else None
        name = entry.get("model") or entry.get("id")
        # A workspace adds documents and history of its own, and may ask a service elsewhere: for those who name it.
        yield _model(name, parameters=model_names.parameters(behind) if isinstance(behind, str) else None, fit=False)


def _listed(bodies: Mapping[str, dict[str, Any]]) -> Iterator[ServedModel]:
    entries = _entries(bodies.get(MODELS, {}).get("data"))
    for entry in entries:
        # Of several, those of a server that is not known may as well be files on its disk.
        loaded = len(entries) == 1 or entry.get("owned_by") == "vllm"
        yield _model(entry.get("id"), loaded=loaded, context=entry.get("max_model_len"))


_READERS = {
    "Ollama": _ollama,
    "LM Studio": _lm_studio,
    "llama-server": _llama_server,
    "KoboldCpp": _koboldcpp,
    "text-generation-webui": _text_generation_webui,
    "AnythingLLM": _anything_llm,
}


def _model(
    name: object,
    *,
    parameters: object = None,
    size: object = None,
    loaded: bool = False,
    context: object = None,
    fit: bool = True,
) -> ServedModel:
    """A model of which a server said this; without a name if the name is no name.

    Args:
        name: What requests must say.
        parameters: As the server knows it; the name is asked where it does not.
        size: Bytes.
        loaded: Whether it is in memory.
        context: Tokens.
        fit: Whether it writes text at all, and does so on this machine.
    """
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST or not _printable(name):
        return ServedModel("")
    count, length = _count(parameters) or model_names.parameters(name), _count(size)
    if count is not None:
        enough = count >= _NEARLY * ENOUGH
    else:
        enough = length >= _ENOUGH_BYTES if length is not None else loaded
    capable = fit and enough and model_names.for_talking(name)
    return ServedModel(name, count, length, loaded, capable, _count(context))


def _entries(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value[:_MOST_MODELS] if isinstance(entry, dict)] if isinstance(value, list) else []


def _name(entry: Mapping[str, Any]) -> str:
    name = entry.get("name") or entry.get("model")
    return name if isinstance(name, str) else ""


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 1 <= value < 10**18 else None


def _printable(text: str) -> bool:
    """Whether a terminal shows it as it is."""
    return all(unicodedata.category(char)[0] != "C" and char not in "\u2028\u2029" for char in text)
