"""`say` and `demo`: one exchange, from a sound file or text to words, actions, voice and mouth."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from npc_runtime import __version__, events
from npc_runtime.cli import console, output, playback
from npc_runtime.cli.tongue import shown
from npc_runtime.config import Settings
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.engines import running
from npc_runtime.errors import EngineError, InputError
from npc_runtime.interview import Interview
from npc_runtime.ledger import Ledger
from npc_runtime.minds import note_usage, on_terms
from npc_runtime.report import write_report
from npc_runtime.scene import Scene
from npc_runtime.session import Session
from npc_runtime.stt.audio_file import read_audio

_LONGEST = 4000
"""Characters, as in the protocol's `player.text`."""


@dataclass(frozen=True, slots=True)
class Request:
    """One exchange that a person asked for."""

    character: str
    """Id, name or alias."""
    wav: Path | None
    """What the player says, as a sound file."""
    text: str
    """What the player says, typed; used when there is no sound file."""
    scene: Scene
    out: Path
    """Where the files of the exchange go."""
    json: bool
    """Whether stdout carries the messages alone."""
    seed: int | None = None
    play: bool = True
    """Whether a person at a terminal hears the reply."""


def say(request: Request, library: Library, settings: Settings) -> int:
    """Let a character answer once, print what happened and write the files.

    Returns:
        The exit code: 0, or that of the failure when the turn failed.

    Raises:
        NpcError: Nothing could be done at all.
    """
    character = library.character(request.character)
    samples = None if request.wav is None else read_audio(request.wav)
    text = _typed(request.text) if samples is None else ""
    said: list[events.Event] = []

    def emit(event: events.Event) -> None:
        said.append(event)
        if request.json:
            sys.stdout.write(json.dumps(events.to_wire(event, len(said)), ensure_ascii=False) + "\n")
            sys.stdout.flush()

    async def exchange(ledger: Ledger) -> None:
        async with running(settings, [character], ears=samples is not None, conversations=1) as engines:
            engines.tells(emit)
            session = Session(
                library,
                ears=engines.ears,
                mind=on_terms(engines.mind, ledger, settings, "say", emit),
                mouth=engines.mouth,
                emit=emit,
                scene=request.scene,
                language=settings.stt.language,
                context_tokens=engines.context_tokens,
                temperature=settings.llm.temperature,
                seed=request.seed,
            )
            await session.approach(character.id)
            if samples is not None:
                await Interview(session).hear(character.id, samples)
            else:
                await Interview(session).say(character.id, text)
            for event in said:
                if isinstance(event, events.TurnEnd) and event.usage is not None:
                    note_usage(engines.mind, ledger, "say", event.usage)

    with output.prepared(request.out) as folder:
        if not request.json:
            console.log(shown("Loading the models …"))
        with Ledger(settings.state_dir) as ledger:
            anyio.run(exchange, ledger)
        paths = _write(folder, said, character, request)
    if not request.json:
        _print(said, character)
        console.out()
        if request.play and console.interactive():
            playback.play(*output.reply_audio(said))
        beside = ", ".join(path.name for path in paths[:-1])
        console.out(shown(f"Open {paths[-1]} in a browser; beside it: {beside}"))
    return EngineError.exit_code if any(isinstance(event, events.Error) for event in said) else 0


def _typed(text: str) -> str:
    """What the player typed, if it can be said.

    Raises:
        InputError: It is empty or endless.
    """
    text = text.encode("utf-8", "replace").decode()  # bytes that are no UTF-8 reach us as lone surrogates
    if not text.strip():
        raise InputError("There is nothing to say: the text is empty.", hint="give --text or --wav")
    if len(text) > _LONGEST:
        message = f"The text has {len(text)} characters; {_LONGEST} are the most that can be said at once."
        raise InputError(message, hint="say it in parts")
    return text


def _write(folder: Path, said: Sequence[events.Event], character: CharacterFile, request: Request) -> list[Path]:
    heard = next((event.text for event in said if isinstance(event, events.Heard)), "")

    def report(path: Path, messages: Sequence[Mapping[str, Any]], audio: bytes) -> None:
        write_report(
            path,
            messages=messages,
            audio=audio,
            character={"id": character.id, "name": character.name, "summary": character.persona.summary},
            player_text=heard,
            player_audio=request.wav.read_bytes() if request.wav is not None else None,
            runtime_version=__version__,
        )

    return output.write(folder, said, report=report)


def _print(said: Sequence[events.Event], character: CharacterFile) -> None:
    """The exchange as a person reads it."""
    name = character.name
    you = shown("You")
    width = max(len(name), len(you)) + 2
    for event in said:
        match event:
            case events.Heard(text=""):
                why = shown((event.reason or "silence").replace("_", " "))
                console.out(f"{you:{width}}({shown(f'nothing was said: {why}')})")
            case events.Heard():
                console.out(f"{you:{width}}{event.text}")
            case events.Emotion():
                feeling = f"{shown(event.label.replace('_', ' '))}, {shown(event.strength)}"
                console.out(f"{name:{width}}[{feeling}; {shown('mood')} {shown(event.mood.label)}]")
            case events.Narration():
                console.out(f"{'':{width}}({event.text})")
            case events.Say():
                console.out(f"{'':{width}}{event.text}")
            case events.Action():
                values = " ".join(f"{key}={value}" for key, value in event.args.items())
                asks = f"  ({shown('the game must confirm')})" if event.needs_confirm else ""
                console.out(f"{'':{width}}→ {event.name} {values}".rstrip() + asks)
            case events.Notice() | events.Error():
                fix = f" ({shown(event.hint)})" if event.hint else ""
                console.out(f"{'':{width}}! {shown(event.message)}{fix}")
            case events.TurnEnd():
                console.out()
                console.out(_waterfall(event, _speech_ms(said)))
            case _:
                pass


def _speech_ms(said: Sequence[events.Event]) -> float:
    return max((event.end_ms or 0.0 for event in said if isinstance(event, events.Say)), default=0.0)


def _waterfall(end: events.TurnEnd, speech_ms: float) -> str:
    names = {
        "stt_ms": "heard",
        "first_token_ms": "first word thought",
        "first_clause_ms": "first clause",
        "first_audio_ms": "first sound",
        "total_ms": "all done",
    }
    marks = [f"{shown(label)} {end.timings[key] / 1000:.2f} s" for key, label in names.items() if key in end.timings]
    model = f"  [{end.usage.model}, {end.usage.completion_tokens} tokens]" if end.usage else ""
    return shown(f"After you stopped: {', '.join(marks)}; {speech_ms / 1000:.1f} s of speech") + model
