"""Minds: from the settings, and what there is on this machine, to the language model that answers."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit

import psutil
from pydantic import SecretStr

from npc_runtime.breaker import Breaker
from npc_runtime.budget import Budget
from npc_runtime.clock import Clock, MonotonicClock
from npc_runtime.config import LlmFallback, LlmSettings, Settings
from npc_runtime.errors import NpcError, SetupError
from npc_runtime.events import Event, Usage
from npc_runtime.failover import Switch
from npc_runtime.ledger import Ledger
from npc_runtime.llm.auto import Pick, pick, ports_of
from npc_runtime.llm.backend import LanguageModel, ReplyFormat
from npc_runtime.llm.chain import ModelChain, Terms
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.local_file import local_model
from npc_runtime.llm.local_servers import KEY_VARIABLES, discover, serving
from npc_runtime.llm.member import Member
from npc_runtime.llm.online import OnlineModel
from npc_runtime.llm.online_choice import online_model
from npc_runtime.llm.providers import Capabilities, KnownModel, Providers, custom
from npc_runtime.llm.served import LocalServer, ServedModel
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
_BESIDE_FILE = 512 << 20
"""Bytes that a model takes beside its file, about. One that stands by is loaded ahead where there is room for it."""
_PATIENCE = LlmSettings().timeout
"""Seconds without a new token that a model which takes over gets at least: this machine may be busy with the game."""
_SMALL = 900_000_000
"""Parameters below which a model is small."""


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
    def of(cls, settings: Settings, registry: Registry, slots: int, machine: Machine | None = None) -> "Means":
        """The means of this machine; `machine` unless that has to be looked at."""
        return cls(settings, registry, slots, machine or this_machine(), MonotonicClock())


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
    ports = ports_of(llm) if _may_be_served(llm) else ()
    picked = await pick(means.settings, means.registry, means.machine, ports=ports)
    _log.info("%s", picked.choice.why)
    if picked.choice.source == "file" and not llm.fallback:
        return _file(means, llm.backend, picked.choice.model)
    first = await _first(means, picked)
    # One prompt serves all of them, so that all are asked for replies of the same form.
    form = first.model.reply_format
    members = [first, *[await _standby(means, fallback, picked, form) for fallback in llm.fallback]]
    return ModelChain([*members, *_embedded(means, members)])


def _may_be_served(llm: LlmSettings) -> bool:
    """Whether a model that is asked for may be one of a server that runs on this machine."""
    if llm.backend == "auto" and not (llm.provider or llm.base_url):
        return True
    return any(one.backend == "auto" and one.model and not (one.provider or one.base_url) for one in llm.fallback)


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


async def _first(means: Means, picked: Pick) -> Member:
    llm, choice = means.settings.llm, picked.choice
    if choice.source == "file":
        return _local(means, _file(means, llm.backend, choice.model, again=False))
    if picked.server is not None and picked.model is not None:
        return _served(means, picked.server, picked.model)
    return await _service(means, llm, llm)


async def _standby(means: Means, fallback: LlmFallback, picked: Pick, form: ReplyFormat) -> Member:
    llm = means.settings.llm.model_copy(update={"reply_format": form})
    if fallback.provider or fallback.base_url or fallback.backend == "openai":
        return await _service(means, fallback, llm)
    known = not fallback.model or fallback.model in means.registry
    if fallback.backend == "auto" and not known and (offer := serving(picked.servers, fallback.model)):
        return _served(means, *offer, form=form)
    return _local(means, _file(means, fallback.backend, fallback.model, again=False))


def _embedded(means: Means, before: Sequence[Member]) -> list[Member]:
    """The model that is always there: it can do little, but it answers."""
    files = [member.model for member in before if isinstance(member.model, LocalModel)]
    try:
        model = _file(means, "auto", "", again=False)
    except NpcError as error:
        _log.warning("Nothing on this machine answers when services do not: %s", error.message)
        return []
    if any(file.process.config.model == model.process.config.model for file in files):
        return []
    return [_local(means, model, spare=bool(files))]


def _local(means: Means, model: LocalModel, *, spare: bool = False) -> Member:
    """A model file as a member of a chain.

    Args:
        means: What there is.
        model: Made of the file.
        spare: Whether other files stand by before it, so that it is not loaded until they fail.
    """
    path = Path(model.process.config.model)
    needed = _BESIDE_FILE + (path.stat().st_size if path.is_file() else 0)
    eager = not spare and means.machine.available - GAME_RESERVE >= needed
    return Member(model, Breaker(means.clock), local=True, context_tokens=model.context, eager=eager)


async def _service(means: Means, service: LlmSettings | LlmFallback, llm: LlmSettings) -> Member:
    """A service that the settings name; one that runs on this machine is asked what it is."""
    providers = Providers.load()
    service, llm = service.model_copy(update=_address(service)), llm.model_copy(update=_address(llm))
    if service.base_url and not service.provider and custom(service.base_url).local:
        found = await _asked(means, service)
        if found is not None:
            server, served = found
            can, small = _abilities(server), _is_small(served)
            model = online_model(service, providers, llm, can=can, small=small, key=_key(server))
            return Member(model, Breaker(means.clock), local=True, context_tokens=served.context if served else None)
        return Member(online_model(service, providers, llm), Breaker(means.clock), local=True)
    model = online_model(service, providers, llm)
    price, budget = _price(model.known), means.settings.budget
    if price is None and (budget.session or budget.day):
        _log.warning("What %s costs is not known, so that it does not count towards the budget.", model.name)
    return Member(model, Breaker(means.clock), price=price)


def _address(service: LlmSettings | LlmFallback) -> dict[str, str]:
    """OpenAI's own where nothing says which service is meant."""
    nowhere = service.backend == "openai" and not (service.provider or service.base_url)
    return {"provider": "openai"} if nowhere else {}


async def _asked(means: Means, service: LlmSettings | LlmFallback) -> tuple[LocalServer, ServedModel | None] | None:
    """Which server has an address of this machine, and its model that the settings name or that it has alone."""
    address = urlsplit(custom(service.base_url).base_url)
    if address.scheme != "http":
        return None
    given = means.settings.llm.api_key.get_secret_value() if isinstance(service, LlmSettings) else ""
    keys = {kind: key for kind, name in KEY_VARIABLES.items() if (key := given or os.environ.get(name, ""))}
    servers = await discover([address.port or 80], keys=keys)
    if not servers:
        return None
    found = serving(servers, service.model) if service.model else None
    if found is None and not service.model and len(servers[0].models) == 1:
        found = servers[0], servers[0].models[0]
    return servers[0], found[1] if found else None


def _key(server: LocalServer) -> SecretStr:
    """The key of a server here, from the usual variable of its kind; empty if there is none."""
    return SecretStr(os.environ.get(KEY_VARIABLES.get(server.kind, ""), ""))


def _abilities(server: LocalServer) -> Capabilities:
    prefill: Literal["", "message"] = "message" if server.kind == "llama-server" else ""
    return Capabilities(grammar=server.grammar == "grammar", usage=True, prefill=prefill)


def _is_small(served: ServedModel | None) -> bool:
    return served is not None and served.parameters is not None and served.parameters < _SMALL


def _served(means: Means, server: LocalServer, served: ServedModel, *, form: ReplyFormat | None = None) -> Member:
    """A model of a server on this machine that was found.

    Args:
        means: What there is.
        server: Who serves it.
        served: The model.
        form: Of its replies; None: as the settings say.
    """
    llm = means.settings.llm
    model = OnlineModel(
        custom(server.base_url, name=server.kind, can=_abilities(server)),
        served.name,
        key=_key(server),
        reply_format=form or ("tags" if llm.reply_format == "auto" else llm.reply_format),
        small=_is_small(served),
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
    # Where a service comes first, `llm.timeout` is how long that is waited for; those behind it may be slower.
    timeout = llm.timeout if again else max(llm.timeout, _PATIENCE)
    return local_model(name, config, gpu_layers=llm.gpu_layers, timeout=timeout, again=again, languages=languages)


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
