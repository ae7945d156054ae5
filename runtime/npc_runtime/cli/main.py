"""The command `npc-runtime`: reads the command line, and turns every failure into one readable message."""

import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from npc_runtime import __version__
from npc_runtime.cli import console, tongue
from npc_runtime.cli.failure import readable
from npc_runtime.cli.memory_app import memory_app
from npc_runtime.cli.models_app import models_app
from npc_runtime.cli.options import Content, Json, State, library_for, settings_for
from npc_runtime.errors import UsageError

if TYPE_CHECKING:
    from npc_runtime.config import Settings

_INTERRUPTED = 130

app = typer.Typer(
    name="npc-runtime",
    help="Living characters for any moddable game, on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(models_app, name="models")
app.add_typer(memory_app, name="memory")

Out = Annotated[Path, typer.Option("--out", help="Folder for the files of the exchange.")]
Play = Annotated[bool, typer.Option("--play/--no-play", help="At a terminal with speakers, play the reply.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Repeat a reply; a new one each time without it.")]
Wav = Annotated[Path | None, typer.Option("--wav", help="What the player says: WAV, FLAC, OGG or MP3.")]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")] = False,
    lang: Annotated[str, typer.Option("--lang", help="Language of what is shown: en, de or tr.")] = "",
) -> None:
    if version:
        console.out(f"npc-runtime {__version__}")
        raise typer.Exit


@app.command()
def demo(
    wav: Wav = None,
    character: Annotated[str, typer.Option("--character", help="Who is spoken to.")] = "",
    out: Out = Path("npc-demo"),
    json: Json = False,
    content: Content = None,
    state: State = None,
    seed: Seed = None,
    play: Play = True,
) -> None:
    """Hear a character answer: a line of speech in, words, actions, voice and mouth out."""
    from npc_runtime.cli import demo as bundled
    from npc_runtime.cli.say import Request

    request = Request(
        character=character or bundled.CHARACTER,
        wav=wav or bundled.player_line(),
        text="",
        scene=bundled.scene(),
        out=out,
        json=json,
        seed=bundled.SEED if seed is None else seed,
        play=play,
    )
    _say(request, content, state)


@app.command()
def say(
    character: Annotated[str, typer.Option("--character", help="Who is spoken to: id, name or alias.")],
    wav: Wav = None,
    text: Annotated[str | None, typer.Option("--text", help="What the player says.")] = None,
    scene: Annotated[Path | None, typer.Option("--scene", help="What is around: a file as in scenes/.")] = None,
    out: Out = Path("npc-demo"),
    json: Json = False,
    content: Content = None,
    state: State = None,
    seed: Seed = None,
    play: Play = True,
) -> None:
    """Say one thing to a character."""
    from npc_runtime.cli.say import Request
    from npc_runtime.content.scenes import load_scene
    from npc_runtime.scene import Scene

    if (wav is None) == (text is None):
        raise UsageError("say takes either --wav FILE or --text TEXT.", hint="give one of the two")
    around = load_scene(scene) if scene is not None else Scene()
    request = Request(
        character=character, wav=wav, text=text or "", scene=around, out=out, json=json, seed=seed, play=play
    )
    _say(request, content, state)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen at.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen at; 0 for any free one.")] = None,
    mailbox: Annotated[Path | None, typer.Option("--mailbox", help="Folder for games that only have files.")] = None,
    json: Json = False,
    content: Content = None,
    state: State = None,
    seed: Seed = None,
) -> None:
    """Run beside a game, which connects to it."""
    from functools import partial

    from npc_runtime.cli.serve import serve as run

    asked = {"server.host": host, "server.port": port, "server.mailbox": mailbox}
    settings = settings_for(content, state, **asked)
    library = library_for(settings)
    raise typer.Exit(_with_models(partial(run, library, settings, as_json=json, seed=seed), settings, ask=not json))


@app.command()
def talk(
    character: Annotated[str, typer.Argument(help="Who is spoken to: id, name or alias.")] = "",
    text: Annotated[bool, typer.Option("--text", help="Type instead of speaking.")] = False,
    play: Play = True,
    content: Content = None,
    state: State = None,
    seed: Seed = None,
) -> None:
    """Talk with a character in this terminal, by voice where there is a microphone."""
    from functools import partial

    from npc_runtime.cli.talk import talk as run
    from npc_runtime.room import open_room

    settings = settings_for(content, state)
    room = partial(open_room, library_for(settings), settings, seed=seed)
    raise typer.Exit(_with_models(lambda: run(room, character, text=text, play=play), settings, ask=not text))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A character card: PNG, JSON or .charx.", metavar="FILE")],
    id: Annotated[str, typer.Option("--id", help="Id of the character; from its name unless given.")] = "",
    language: Annotated[str, typer.Option("--language", help="What the card is written in.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    content: Content = None,
) -> None:
    """Make a character from a character card (V1, V2 or V3)."""
    from npc_runtime.cli.cards import import_card

    folder = content or settings_for(None, None).content or Path()
    raise typer.Exit(import_card(file, folder, id=id, language=language, force=force))


@app.command()
def export(
    character: Annotated[str, typer.Argument(help="Whose card: id, name or alias.")],
    out: Annotated[Path | None, typer.Option("--out", help="The file: .png, .json or .charx.")] = None,
    spec: Annotated[int, typer.Option("--spec", help="Version of the card, 1 to 3.")] = 3,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    content: Content = None,
) -> None:
    """Write a character as a character card."""
    import time

    from npc_runtime.cli.cards import export_card
    from npc_runtime.content.library import Library
    from npc_runtime.resources import bundled

    roots = [settings_for(content, None).content or Path(), bundled()]
    library = Library.load(roots)
    modified = int(time.time())
    raise typer.Exit(export_card(character, library, roots, out=out, version=spec, modified=modified, force=force))


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Where to make it.", metavar="DIR")],
    name: Annotated[str | None, typer.Option("--name", help="What the character is called, in any script.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Add to a folder that has files; none is replaced.")] = False,
) -> None:
    """Make a mod folder with one character that works at once."""
    from npc_runtime.cli.new import NAME_BY_DEFAULT
    from npc_runtime.cli.new import new as run

    raise typer.Exit(run(folder, NAME_BY_DEFAULT if name is None else name, force=force))


@app.command()
def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; the current folder if none.")] = None,
) -> None:
    """Check characters, action packs, knowledge, scenes, tests and settings."""
    from npc_runtime.cli.check import check as run

    raise typer.Exit(run(paths or [Path()]))


@app.command("test")
def test_conversations(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; the current folder if none.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="How often each conversation is played.")] = 5,
    pass_rate: Annotated[float, typer.Option("--pass-rate", help="The share of times that must go well.")] = 0.8,
    json: Json = False,
    content: Content = None,
    state: State = None,
) -> None:
    """Play conversations with the real model, and tell where the characters do not do as expected."""
    from functools import partial

    from npc_runtime.cli.conversations import Request, content_of, found, run

    files = found(paths or [Path()])
    settings = settings_for(content or content_of(files), state)
    request = Request(files=files, seeds=seeds, pass_rate=pass_rate, json=json)
    raise typer.Exit(_with_models(partial(run, request, settings), settings, ask=not json))


@app.command()
def usage(
    days: Annotated[int, typer.Option("--days", min=1, help="How many days, today included.")] = 7,
    json: Json = False,
    state: State = None,
) -> None:
    """Show what the language models were used for, and what services cost, by day."""
    from npc_runtime.budget import Budget
    from npc_runtime.cli.usage import usage as run

    settings = settings_for(None, state)
    limits = settings.budget
    budget = Budget(limits.session, limits.day, limits.warn)
    raise typer.Exit(run(settings.state_dir, budget, days=days, as_json=json))


@app.command()
def doctor(json: Json = False, content: Content = None, state: State = None) -> None:
    """Show what works on this machine and what does not, with the fix for each."""
    from npc_runtime.cli.doctor import doctor as run

    settings = settings_for(content, state)
    raise typer.Exit(run(library_for(settings), settings, as_json=json))


@app.command()
def bench(
    turns: Annotated[int, typer.Option("--turns", help="Lines to speak; half as many are typed afterwards.")] = 30,
    busy: Annotated[int, typer.Option("--busy", help="Cores to keep busy meanwhile, as a game does.")] = 0,
    speech: Annotated[list[Path] | None, typer.Option("--speech", help="Recordings, or folders of them.")] = None,
    text: Annotated[bool, typer.Option("--text", help="Type every line.")] = False,
    compare: Annotated[bool, typer.Option("--compare", help="The same engines one after the other, too.")] = False,
    json: Json = False,
    content: Content = None,
    state: State = None,
) -> None:
    """Measure how long a player waits for an answer, on this machine."""
    from functools import partial

    from npc_runtime.cli.bench import Request
    from npc_runtime.cli.bench import bench as run

    settings = settings_for(content, state)
    given = (("--content", content), ("--state", state))
    request = Request(
        turns=turns,
        busy=busy,
        text=text,
        compare=compare,
        speech=speech or (),
        json=json,
        serve=[word for name, path in given if path is not None for word in (name, str(path))],
    )
    raise typer.Exit(_with_models(partial(run, request, library_for(settings), settings), settings, ask=not json))


@app.command()
def schema(name: Annotated[str, typer.Argument(help="character, action, config or protocol")]) -> None:
    """Print the JSON Schema of a file or of the protocol."""
    from npc_runtime.cli.schema import schema as run

    console.out(run(name))


def _say(request: Any, content: Path | None, state: Path | None) -> None:
    from functools import partial

    from npc_runtime.cli.say import say as run

    settings = settings_for(content, state)
    library = library_for(settings)
    raise typer.Exit(_with_models(partial(run, request, library, settings), settings, ask=not request.json))


def _with_models(run: Callable[[], int], settings: "Settings", *, ask: bool) -> int:
    """Run a command; where a model is missing, and a person is there to ask, offer to get it and try again."""
    from npc_runtime.cli.models import offer_pull
    from npc_runtime.models.locate import MissingModelError

    while True:
        try:
            return run()
        except MissingModelError as missing:
            if not ask or not offer_pull(missing, cache=settings.model_cache, interactive=console.interactive()):
                raise


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: What follows the command's name; this process's own by default.
    """
    console.prepare()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _run([argument for argument in given if argument != "--debug"], debug="--debug" in given)
    except SystemExit as end:
        if arguments is None and threading.active_count() > 1:  # this process is ours
            _leave(end.code)
        raise


def _run(arguments: Sequence[str], *, debug: bool) -> None:
    try:
        try:
            arguments = tongue.use(arguments)
            command = typer.main.get_command(app)
            tongue.localise(command)
            raise SystemExit(command(arguments, prog_name="npc-runtime", standalone_mode=False) or 0)
        finally:
            console.flush()
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    except typer.Abort:
        console.log(tongue.shown("Aborted!"))
        raise SystemExit(1) from None
    except Exception as error:
        if refusal := tongue.refusal(error):
            console.log(refusal)
            raise SystemExit(UsageError.exit_code) from None
        if debug:
            traceback.print_exc()
        console.fail(readable(error))


def _leave(code: str | int | None) -> None:
    """End the process where an engine is in the middle of something: an orderly end would tear it out, and abort."""
    from npc_runtime.lane import stuck_lanes

    if stuck_lanes():
        console.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)
