"""The choice of a language model where `llm.backend` is `auto`: what is named, else what is there, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from npc_runtime.config import LlmSettings
from npc_runtime.models.downloaded import Downloaded
from npc_runtime.models.network import place

Source = Literal["service", "server", "file"]


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that a server on this machine offers."""

    model: str
    """As the server names it."""
    place: str
    """Where it is served, such as `Ollama at 127.0.0.1:11434`."""
    loaded: bool
    """Whether it is in memory already."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which language model to take."""

    source: Source
    """`service`: what `llm.provider` or `llm.base_url` say; `server`: the offer of a local server; `file`: a model file
    for the engine on this machine."""
    model: str
    """A registry id or a path for a file, otherwise the name that the service or server knows; empty: its default."""
    why: str
    """A sentence for the log and for `doctor`."""


def choose_language_model(
    llm: LlmSettings,
    *,
    known: bool,
    embedded: str,
    named: Offer | None = None,
    best: Offer | None = None,
    files: Sequence[Downloaded] = (),
) -> Choice:
    """What the settings name; else a local server with a capable model; else a file that fits; else the embedded model.

    Args:
        llm: The settings.
        known: Whether `llm.model` is a registry id, or there is a file of that name.
        embedded: Id of the default model.
        named: A server's offer of a model that is called `llm.model`.
        best: The best capable model of a local server.
        files: Downloaded models.
    """
    if llm.provider or llm.base_url or llm.backend == "openai":
        where = llm.provider or (place(llm.base_url) if llm.base_url else "OpenAI")
        return Choice("service", llm.model, f"{llm.model or 'Its default model'} of {where}: the settings name it.")
    auto = llm.backend == "auto"
    if llm.backend == "transformers":  # which does not read the files that are looked for here
        return Choice("file", llm.model, f"{llm.model or 'A model'} for transformers: the settings name it.")
    if llm.model:
        if auto and named and not known:
            return Choice("server", named.model, f"{named.model} of {named.place}: the settings name it.")
        return Choice("file", llm.model, f"{llm.model}: the settings name it.")
    if auto and best:
        state = "which has it in memory" if best.loaded else "which has to load it first"
        return Choice("server", best.model, f"{best.model} of {best.place}, {state}: no model is named.")
    fitting = [file for file in files if file.verdict.level == "fits"]
    if fitting:
        file = max(fitting, key=lambda one: (one.size, one.model))
        why = f"{file.model}: the largest downloaded model that fits beside a game ({file.verdict.reason})."
        return Choice("file", file.model, why)
    return Choice("file", embedded, f"{embedded}, the embedded model: {_nothing_better(files, auto)}.")


def _nothing_better(files: Sequence[Downloaded], auto: bool) -> str:
    servers = "no server on this machine offers a capable one" if auto else "the settings ask for an engine of our own"
    if not files:
        return f"{servers}, and no other was downloaded"
    file = min(files, key=lambda one: (one.size, one.model))
    return f"{servers}, and {file.model} {file.verdict.reason}"
