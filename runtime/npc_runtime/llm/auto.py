"""`auto`: looks at what there is on this machine and picks the language model to take."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio.to_thread

from npc_runtime.config import LlmSettings, Settings
from npc_runtime.llm.local_servers import KEY_VARIABLES, PORTS, choose, discover, serving
from npc_runtime.llm.served import LocalServer, ServedModel
from npc_runtime.models.choice import Choice, Offer, choose_language_model
from npc_runtime.models.downloaded import Downloaded, downloaded
from npc_runtime.models.fit import GAME_RESERVE
from npc_runtime.models.hardware import Machine
from npc_runtime.models.registry import Registry


@dataclass(frozen=True, slots=True)
class Pick:
    """The language model to take, and what there is beside it."""

    choice: Choice
    servers: tuple[LocalServer, ...]
    """All that were found, in the order of their ports."""
    server: LocalServer | None = None
    """Who serves it, where that is a server on this machine."""
    model: ServedModel | None = None


def ports_of(llm: LlmSettings) -> Sequence[int]:
    """Where servers on this machine are looked for."""
    return PORTS if llm.local_ports is None else llm.local_ports


async def pick(
    settings: Settings,
    registry: Registry,
    machine: Machine,
    *,
    ports: Sequence[int],
    environ: Mapping[str, str] = os.environ,
) -> Pick:
    """Pick the language model: see `choose_language_model`.

    Args:
        settings: What the person configured.
        registry: The known models.
        machine: Its means.
        ports: Where to look for servers.
        environ: Where their keys are.
    """
    llm = settings.llm
    keys = {kind: environ[name] for kind, name in KEY_VARIABLES.items() if environ.get(name)}
    servers = await discover(ports, keys=keys)
    look = partial(
        downloaded, registry, settings.model_cache, machine, context_tokens=llm.context, gpu=llm.gpu_layers != 0
    )
    files: tuple[Downloaded, ...] = await anyio.to_thread.run_sync(look)
    best = choose(servers, room=_room(machine))
    named = serving(servers, llm.model) if llm.model else None
    choice = choose_language_model(
        llm,
        known=llm.model in registry or _is_there(llm.model, settings.content),
        embedded=registry.default("llm").id,
        named=_offer(named),
        best=_offer(best),
        files=files,
    )
    server, model = (named or best or (None, None)) if choice.source == "server" else (None, None)
    return Pick(choice, servers, server, model)


def _is_there(model: str, base: Path | None) -> bool:
    return ((base or Path.cwd()) / Path(model).expanduser()).exists()


def _offer(found: tuple[LocalServer, ServedModel] | None) -> Offer | None:
    return Offer(found[1].name, found[0].place, found[1].loaded) if found else None


def _room(machine: Machine) -> int:
    """Bytes that a server's model may take, in either memory, without taking the game's share."""
    return max(machine.available, *(gpu.free for gpu in machine.gpus), 0) - GAME_RESERVE
