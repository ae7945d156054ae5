"""Minds: from the settings, and what there is on this machine, to the language model that answers."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil
from pydantic import SecretStr

from npc_runtime.breaker import Breaker
from npc_runtime.budget import Budget
from npc_runtime.clock import Clock, MonotonicClock
from npc_runtime.config import LlmFallback, Settings
from npc_runtime.errors import NpcError, SetupError
from npc_runtime.events import Event, Usage
from npc_runtime.failover import Switch
from npc_runtime.ledger import Ledger
from npc_runtime.llm.auto import Pick, pick
from npc_runtime.llm.backend import LanguageModel, ReplyFormat
from npc_runtime.llm.chain import ModelChain, Terms
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.local_file import local_model
from npc_runtime.llm.local_servers import KEY_VARIABLES, PORTS
from npc_runtime.llm.member import Member
from npc_runtime.llm.online import OnlineModel
from npc_runtime.llm.online_choice import online_model
from npc_runtime.llm.providers import Capabilities, KnownModel, Providers, custom
from npc_runtime.llm.served import ServedModel
from npc_runtime.models.fit import GAME_RESERVE
from npc_runtime.models.hardware import Machine, this_machine
from npc_runtime.models.locate import locate
from npc_runtime.models.registry import Registry
from npc_runtime.purse import Purse
from npc_runtime.spending import Price, Spent

_log = logging.getLogger(__name__)

_ENGINES = {
    "auto": "xllamacpp",
    "llama": "xllamacpp",
    "llama-cpp-python": "llama-cpp-python",
    "transformers": "transformers",
}
_STANDBY_BYTES = 1 << 30
"""Free memory beside a game with which the embedded model is loaded before it is needed."""
_SMALL = 900_000_000
"""Parameters below which a model is small."""
PORTS_HERE: Sequence[int] = PORTS
"""Where servers on this machine are looked for."""


class Mind(LanguageModel, Protocol):
    """The language model of a room."""

    @property
    def busy(self) -> bool:
        """Whether it works."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What minds are made from.

    Args:
        settings: What the person configured.
        registry: The known models.
        slots: Conversations whose prompt stays warm at the same time.
        machine: The machine's means.
        clock: Time, for how long what has failed is left alone.
    """

    settings: Settings
    registry: Registry
    slots: int
    machine: Machine
    clock: Clock

    @classmethod
    def of(cls, settings: Settings, registry: Registry, slots: int) -> "Means":
        """The means of this machine."""
        return cls(settings, registry, slots, this_machine(), MonotonicClock())


async def choose_mind(means: Means) -> Mind:
    """The language model that the settings name, else the best that is here; with what answers when it cannot.

    A model file is used as it is. Before whatever else, and before `llm.fallback`, there is a chain, and the embedded
    model is the last of it.

    Raises:
        InputError: A provider that is not known, or an address that is none.
        ModelError: A model file is missing or wrong.
        SetupError: A setting asks for something that is not there.
    """
    llm = means.settings.llm
    picked = await pick(means.settings, means.registry, means.machine, ports=PORTS_HERE)
    _log.info("%s", picked.choice.why)
    if picked.choice.source == "file" and not llm.fallback:
        return _file(means, llm.backend, picked.choice.model)
    first = _first(means, picked)
    # One prompt serves all of them, so that all are asked for replies of the same form.
    form = first.model.reply_format
    members = [first, *(_standby(means, fallback, form) for fallback in llm.fallback)]
    if all(isinstance(member.model, OnlineModel) for member in members):
        members += _embedded(means)
    return ModelChain(members)


def on_terms(
    mind: LanguageModel, ledger: Ledger | None, settings: Settings, session: str, tell: Callable[[Event], None]
) -> LanguageModel:
    """A language model as one session uses it.

    Args:
        mind: Of the room.
        ledger: Where what it takes is written down; None: it costs nothing that anybody counts.
        settings: What the person configured.
        session: Name of the session.
        tell: Receives notices: who takes over, and what is spent.
    """
    if not isinstance(mind, ModelChain):
        return mind

    def switched(switch: Switch) -> None:
        tell(switch.notice())

    if ledger is None:
        return mind.on_terms(Terms(switched=switched))
    limits = settings.budget
    purse = Purse(ledger, Budget(limits.session, limits.day, limits.warn), session, tell=tell)
    return mind.on_terms(Terms(may_spend=purse.may_spend, spent=purse.spend, switched=switched))


def note_usage(mind: LanguageModel, ledger: Ledger, session: str, usage: Usage) -> None:
    """Write down what a turn took of a model that does not do so itself, as chains do on the terms of a session."""
    if not isinstance(mind, ModelChain):
        ledger.add(
            session,
            Spent(
                model=usage.model,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                local=True,
            ),
        )


def _first(means: Means, picked: Pick) -> Member:
    llm, choice = means.settings.llm, picked.choice
    if choice.source == "file":
        return _local(means, _file(means, llm.backend, choice.model, again=False))
    if picked.server is not None and picked.model is not None:
        return _served(means, picked, picked.model)
    return _online(means, online_model(llm, Providers.load(), llm))


def _standby(means: Means, fallback: LlmFallback, form: ReplyFormat) -> Member:
    if fallback.provider or fallback.base_url:
        llm = means.settings.llm.model_copy(update={"reply_format": form})
        return _online(means, online_model(fallback, Providers.load(), llm))
    return _local(means, _file(means, fallback.backend, fallback.model, again=False))


def _embedded(means: Means) -> list[Member]:
    """The model that is always there: it can do little, but it answers."""
    try:
        model = _file(means, "auto", "", again=False)
    except NpcError as error:
        _log.warning("Nothing on this machine answers when services do not: %s", error.message)
        return []
    return [_local(means, model)]


def _local(means: Means, model: LocalModel) -> Member:
    eager = means.machine.available >= GAME_RESERVE + _STANDBY_BYTES
    return Member(model, Breaker(means.clock), local=True, context_tokens=model.context, eager=eager)


def _online(means: Means, model: OnlineModel) -> Member:
    return Member(model, Breaker(means.clock), price=_price(model.known))


def _served(means: Means, picked: Pick, served: ServedModel) -> Member:
    """A model of a server on this machine."""
    assert picked.server is not None
    llm, server = means.settings.llm, picked.server
    can = Capabilities(grammar=server.grammar == "grammar", usage=True)
    model = OnlineModel(
        custom(server.base_url, name=server.kind, can=can),
        served.name,
        key=SecretStr(os.environ.get(KEY_VARIABLES.get(server.kind, ""), "")),
        reply_format="tags" if llm.reply_format == "auto" else llm.reply_format,
        small=served.parameters is not None and served.parameters < _SMALL,
        connect_timeout=llm.connect_timeout,
        # It may have to load the model first.
        first_token_timeout=llm.first_token_timeout if served.loaded else max(llm.first_token_timeout, llm.timeout),
        timeout=llm.timeout,
    )
    return Member(model, Breaker(means.clock), local=True, context_tokens=served.context)


def _file(means: Means, backend: str, wanted: str, *, again: bool = True) -> LocalModel:
    """A model file of this machine; the embedded model where none is named."""
    settings = means.settings
    llm = settings.llm
    if backend not in _ENGINES:
        raise SetupError(
            f"llm.backend = {backend} does not read model files.", hint=f"use one of: {', '.join(_ENGINES)}"
        )
    name, path, languages = _found(means, backend, wanted)
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    config = ChildConfig(
        engine=_ENGINES[backend],
        model=str(path),
        api_key="",
        context=llm.context,
        slots=means.slots,
        cache_mb=llm.cache_mb,
        # Decoding waits for memory, not for cores, and one core stays free for the game.
        threads=settings.threads.llm or max(1, min(cores - 1, 8)),
        batch_threads=settings.threads.llm or cores,
        gpu_layers=0,
    )
    return local_model(name, config, gpu_layers=llm.gpu_layers, timeout=llm.timeout, again=again, languages=languages)


def _found(means: Means, backend: str, wanted: str) -> tuple[str, Path, tuple[str, ...]]:
    """Name and place of a model, and the languages that it knows; none if that is not known."""
    settings = means.settings
    if backend == "transformers":  # which reads folders
        if not wanted:
            raise SetupError("llm.backend = transformers needs to know the model.", hint="set llm.model to its folder")
        path = ((settings.content or Path.cwd()) / Path(wanted).expanduser()).resolve()
        return path.name, path, ()
    found = locate(
        wanted or means.registry.default("llm").id,
        cache=settings.model_cache,
        kind="llm",
        base=settings.content,
        registry=means.registry,
    )
    return found.id, found.path, found.entry.languages if found.entry is not None else ()


def _price(known: KnownModel) -> Price | None:
    if known.input is None or known.output is None:
        return None
    return Price(known.input, known.input if known.cached is None else known.cached, known.output)
