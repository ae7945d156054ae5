"""`doctor`: what works on this machine and what does not, with the fix for each."""

import importlib
import importlib.util
import json
import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import anyio

from npc_runtime import __version__
from npc_runtime.character.memory.database import FILE_NAME
from npc_runtime.character.memory.embedder import find_embedder
from npc_runtime.character.memory.inspection import inspect
from npc_runtime.character.memory.lexicon import Lexicon
from npc_runtime.cli import console, demo
from npc_runtime.cli.doctor_models import models, voices
from npc_runtime.cli.failure import package, readable
from npc_runtime.cli.finding import Finding
from npc_runtime.cli.tongue import shown
from npc_runtime.config import Settings
from npc_runtime.content.library import Library
from npc_runtime.engines import running
from npc_runtime.errors import NpcError
from npc_runtime.models.hardware import this_machine

_PORTAUDIO = "on Debian or Ubuntu: sudo apt install libportaudio2; on Fedora: sudo dnf install portaudio"
_LIBGOMP = "on Debian or Ubuntu: sudo apt install libgomp1; on Fedora: sudo dnf install libgomp"


_SPARE = frozenset(["voice", "tts model"])
"""What can be missing while espeak is there."""


def doctor(library: Library, settings: Settings, *, as_json: bool = False) -> int:
    """Look at everything, and print what was found.

    Returns:
        0 if `demo` would work, else 3.
    """
    findings = list(_look(library, settings))
    if findings[-1].state == "ok":  # the demo speaks, with another voice
        findings = [
            replace(one, state="note") if one.state == "bad" and one.subject in _SPARE else one for one in findings
        ]
    bad = any(finding.state == "bad" for finding in findings)
    if as_json:
        console.out(json.dumps({"ok": not bad, "findings": [asdict(finding) for finding in findings]}, indent=2))
        return 3 if bad else 0
    signs = {"ok": "ok", "note": shown("note"), "bad": "FIX"}
    margin = max(4, len(signs["note"]))
    width = max(len(shown(finding.subject)) for finding in findings)
    for finding in findings:
        sign = signs[finding.state].ljust(margin)
        console.out(f"{sign}  {shown(finding.subject):{width}}  {shown(finding.message)}")
        if finding.fix:
            console.out(f"{'':{margin}}  {'':{width}}  → {shown(finding.fix)}")
    console.out()
    console.out(shown("The demo cannot run until the lines marked FIX are done." if bad else "The demo works here."))
    return 3 if bad else 0


def _look(library: Library, settings: Settings) -> Iterator[Finding]:
    machine = this_machine()
    memory = f"{machine.available / 2**30:.1f} of {machine.total / 2**30:.1f} GiB memory free"
    gpus = ", ".join(gpu.name for gpu in machine.gpus) or "no graphics processor that would help"
    yield Finding("ok", "runtime", f"npc-runtime {__version__}")
    yield Finding("ok", "machine", f"{machine.cores} cores, {memory}, {gpus}")
    yield from _packages()
    yield from models(settings, machine)
    yield from voices(library.characters(), settings)
    yield from _folders(settings)
    yield _memory(settings)
    yield _content(library)
    yield from _audio()
    yield _engine(library, settings)


def _packages() -> Iterator[Finding]:
    for module, what, native in (
        ("faster_whisper", "speech-to-text", ""),
        ("openai", "language model client", ""),
        ("piper", "voice", ""),
        ("onnxruntime", "voice engine", ""),
        ("soundfile", "sound files", ""),
        ("soxr", "sample rates", ""),
    ):
        yield _import(module, what, native)
    if importlib.util.find_spec("llama_cpp") is None:
        message = "not built; only needed for llm.backend = llama-cpp-python"
        yield Finding("note", "second engine", message, "install the extra llama-cpp-python (needs a C++ compiler)")
    else:
        yield _import("llama_cpp", "second engine", _LIBGOMP)


def _import(module: str, subject: str, native_fix: str) -> Finding:
    try:
        if module == "faster_whisper":
            from npc_runtime.stt.whisper_import import faster_whisper

            faster_whisper()
        else:
            importlib.import_module(module)
    except NpcError as error:
        return Finding("bad", subject, error.message, error.hint)
    except ModuleNotFoundError as error:
        name = package(error.name or module)
        return Finding("bad", subject, f"the package {name} is not installed", f"pip install {name}")
    except (ImportError, OSError) as error:
        return Finding("bad", subject, f"{module} cannot be loaded: {error}", native_fix)
    return Finding("ok", subject, module)


def _folders(settings: Settings) -> Iterator[Finding]:
    folder = settings.state_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Finding("note", "state folder", f"{folder} cannot be written to: {error.strerror}", "use --state DIR")
    else:
        free = shutil.disk_usage(folder).free / 1e9
        state: Literal["ok", "note"] = "ok" if free > 1 else "note"
        yield Finding(state, "state folder", f"{folder}, {free:.1f} GB free", "" if free > 1 else "free some space")
    if not os.access(Path.cwd(), os.W_OK):
        yield Finding("note", "this folder", f"{Path.cwd()} cannot be written to", "give demo another with --out DIR")


def _memory(settings: Settings) -> Finding:
    if not settings.memory.enabled:
        return Finding("note", "memory", "switched off: nothing is remembered", "set memory.enabled to true")
    path = settings.state_dir / FILE_NAME
    try:
        Lexicon()  # needs FTS5
        journal = _journal(settings.state_dir)
        if path.is_file():
            inspect(path)
    except NpcError as error:
        return Finding("note", "memory", error.message, error.hint)
    except (sqlite3.Error, OSError) as error:
        return Finding("note", "memory", f"SQLite cannot work in {settings.state_dir}: {error}", "use --state DIR")
    size = f"{path.stat().st_size / 1e6:.1f} MB" if path.is_file() else "not made yet"
    fix = "" if journal == "WAL" else "use --state with a folder on a local disk"
    try:
        embedder = find_embedder(settings.memory.embedder)
        meaning = f"embedder {embedder.name}" if embedder is not None else "no embedder: found by words alone"
    except NpcError as error:
        meaning, fix = error.message.rstrip("."), fix or error.hint
    message = f"SQLite {sqlite3.sqlite_version} with FTS5 and {journal}; {path}, {size}; {meaning}"
    return Finding("note" if fix else "ok", "memory", message, fix)


def _journal(folder: Path) -> str:
    """The journal that SQLite can keep in a folder, or, where nothing can be written, elsewhere on this machine."""
    writable = folder if os.access(folder, os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(dir=writable) as place,
        closing(sqlite3.connect(Path(place, "probe.db"))) as probe,
    ):
        return str(probe.execute("PRAGMA journal_mode = WAL").fetchone()[0]).upper()


def _content(library: Library) -> Finding:
    characters = library.characters()
    if library.problems:
        first = library.problems[0]
        return Finding(
            "note", "characters", f"{len(characters)} load, some have mistakes: {first}", "npc-runtime check"
        )
    return Finding("ok", "characters", ", ".join(character.id for character in characters))


def _audio() -> Iterator[Finding]:
    try:
        sounddevice = importlib.import_module("sounddevice")
        devices = list(sounddevice.query_devices())
    except ModuleNotFoundError:
        yield Finding("note", "audio", "the package sounddevice is not installed", "pip install sounddevice")
        return
    except OSError:
        yield Finding("note", "audio", "PortAudio is not installed: no microphone, no speakers", _PORTAUDIO)
        return
    except Exception as error:  # PortAudio's own error class exists only where PortAudio does
        yield Finding("note", "audio", f"audio devices cannot be listed: {error}")
        return
    for subject, key in (("microphone", "max_input_channels"), ("speakers", "max_output_channels")):
        names = [str(device["name"]) for device in devices if device[key] > 0]
        if names:
            yield Finding("ok", subject, ", ".join(names[:3]))
        else:
            yield Finding("note", subject, "none found; WAV files and typed text work without")


def _engine(library: Library, settings: Settings) -> Finding:
    """Whether the engines really start: the one check that cannot be fooled."""

    async def attempt() -> None:
        async with running(settings, [library.character(demo.CHARACTER)]):
            pass

    try:
        with _silent("npc_runtime.tts"):
            anyio.run(attempt)
    except Exception as error:  # whatever it is, the other findings may explain it
        failure = readable(error)
        return Finding("bad", "engines", failure.message, failure.hint)
    return Finding("ok", "engines", "all three start")


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """While it holds, a logger gives no warnings: the findings say the same."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
