"""What `doctor` says about models: those on this machine, those that servers offer, and which of them are taken."""

from collections.abc import Iterator, Sequence
from functools import partial

import anyio

from npc_runtime.cli.finding import Finding
from npc_runtime.config import Settings
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import NpcError
from npc_runtime.llm.auto import Pick, pick, ports_of
from npc_runtime.llm.local_servers import KEY_VARIABLES
from npc_runtime.llm.served import LocalServer, ServedModel
from npc_runtime.models.downloaded import present
from npc_runtime.models.hardware import Machine
from npc_runtime.models.locate import LocatedModel, locate
from npc_runtime.models.registry import Kind, Registry
from npc_runtime.models.store import own_registry
from npc_runtime.services import resolved, speech_engine
from npc_runtime.stt.placement import Placement, place_here
from npc_runtime.stt.sizes import arrange
from npc_runtime.stt.whisper import WhisperEngine
from npc_runtime.tts.voice_choice import choose
from npc_runtime.tts.voices_here import MachineVoices

_SHOWN = 8
"""Models of one server that are told by name."""


def models(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Look at all of them; servers are asked what they have, nothing else."""
    registry = Registry.load(own_registry(settings.model_cache))
    picked = anyio.run(partial(pick, settings, registry, machine, ports=ports_of(settings.llm)))
    file = picked.choice.model if picked.choice.source == "file" else registry.default("llm").id
    yield _located("llm", file, settings, registry)[0]
    yield Finding("ok", "llm choice", picked.choice.why)
    yield from _servers(picked)
    yield from _speech(settings, registry, machine)
    ours = speech_engine(settings.tts) in ("auto", "piper")  # the name of a model is otherwise the service's
    voice = settings.tts.model if ours else ""
    yield _located("tts", voice or registry.default("tts").id, settings, registry)[0]


def voices(characters: Sequence[CharacterFile], settings: Settings) -> Iterator[Finding]:
    """Which voice speaks, language by language of the characters; nothing is loaded, and no service is asked."""
    try:
        settings = anyio.run(resolved, settings)
    except NpcError as error:
        yield Finding("note", "voices", error.message, error.hint)
        return
    here = MachineVoices(settings, Registry.load(own_registry(settings.model_cache))).here()
    for language in dict.fromkeys(character.language for character in characters):
        chains = [choose(character, settings.tts, here) for character in characters if character.language == language]
        names = dict.fromkeys(str(chain.voices[0]) for chain in chains if chain.voices)
        reasons = {reason.code: reason for chain in chains for reason in chain.reasons}
        if not names:
            fix = "`npc-runtime models pull NAME` fetches a voice of Piper, such as tr_TR-dfki-medium"
            yield Finding("note", f"voices ({language})", "none", fix)
        elif reasons:
            first = next(iter(reasons.values()))
            yield Finding("note", f"voices ({language})", f"{', '.join(names)}; {first.message}", first.hint)
        else:
            yield Finding("ok", f"voices ({language})", ", ".join(names))


def _located(kind: Kind, wanted: str, settings: Settings, registry: Registry) -> tuple[Finding, LocatedModel | None]:
    subject = f"{kind} model"
    try:
        model = locate(wanted, cache=settings.model_cache, kind=kind, base=settings.content, registry=registry)
    except NpcError as error:
        return Finding("bad", subject, error.message, error.hint), None
    licence = f", {model.entry.licence}" if model.entry else ""
    return Finding("ok", subject, f"{model.id} (from {model.origin}{licence})"), model


def _servers(picked: Pick) -> Iterator[Finding]:
    if not picked.servers:
        yield Finding("ok", "model servers", "none found")
    for server in picked.servers:
        yield _server(server)


def _server(server: LocalServer) -> Finding:
    variable = KEY_VARIABLES.get(server.kind)
    if server.locked:
        fix = f"put its key into the environment, as {variable}" if variable else "give it no key of its own"
        return Finding("note", "model server", f"{server.place} wants a key before it tells its models", fix)
    names = [_described(model) for model in server.models[:_SHOWN]]
    more = len(server.models) - len(names)
    listed = ", ".join([*names, f"and {more} more"] if more else names) or "no model in it"
    return Finding("ok", "model server", f"{server.place}: {listed}")


def _described(model: ServedModel) -> str:
    told = []
    if model.parameters:
        billions = model.parameters / 1e9
        told.append(f"{billions:.3g}B" if billions >= 1 else f"{billions * 1000:.3g}M")
    told += ["in memory"] if model.loaded else []
    told += [] if model.capable else ["not for characters"]
    return f"{model.name} ({', '.join(told)})" if told else model.name


def _speech(settings: Settings, registry: Registry, machine: Machine) -> Iterator[Finding]:
    where = partial(place_here, settings.stt.device, machine)
    chosen = arrange(present(registry, settings.model_cache, "stt"), "en", machine, where)
    stt = settings.stt
    online = stt.backend == "openai" or stt.provider or stt.base_url  # the name of a model is then the service's
    best = chosen[0].id if chosen else registry.default("stt").id
    wanted = best if online or not stt.model else stt.model
    finding, model = _located("stt", wanted, settings, registry)
    yield finding
    if model is not None:
        placement = where(sum(file.stat().st_size for file in model.files))
        yield _device(model, placement) if placement.device == "cuda" else _on_cores(placement)


def _on_cores(placement: Placement) -> Finding:
    return Finding("ok", "stt device", f"the processor cores: {placement.why}")


def _device(model: LocatedModel, placement: Placement) -> Finding:
    """Whether it really works on the graphics processor."""
    try:
        placement = WhisperEngine(model.path, threads=1, placement=placement).placement
    except NpcError as error:
        return Finding("bad", "stt device", error.message, error.hint)
    if placement.device == "cpu":
        return Finding("note", "stt device", f"the processor cores: {placement.why}", "set stt.device to cpu")
    return Finding("ok", "stt device", f"the graphics processor: {placement.why}")
