"""`bench`: how long players wait, measured by playing: recorded speech in real time through the real server."""

import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from npc_runtime.bench.busy import busy
from npc_runtime.bench.clips import SUFFIXES, load
from npc_runtime.bench.figures import summary
from npc_runtime.bench.run import Measured, Options, Other, Progress, measure
from npc_runtime.bench.sidecar import SERVE, sidecar
from npc_runtime.bench.table import table
from npc_runtime.cli import console
from npc_runtime.cli.tongue import shown
from npc_runtime.config import Settings
from npc_runtime.content.library import Library
from npc_runtime.errors import UsageError
from npc_runtime.resources import bundled

_MOST_TURNS = 10_000
_MOST_BUSY = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person wants to know."""

    turns: int = 30
    """Lines to speak; half as many are typed afterwards."""
    busy: int = 0
    """Cores to keep busy meanwhile, as a game does."""
    text: bool = False
    """Whether all lines are typed."""
    compare: bool = False
    """Whether the same engines also answer one after the other, on whole utterances."""
    speech: Sequence[Path] = ()
    """Recordings, or folders of them; the bundled ones if empty."""
    seed: int = 0
    """Of the pauses between lines."""
    json: bool = False
    """Whether stdout carries one JSON object and nothing else."""
    serve: Sequence[str] = ()
    """Arguments of `serve`, such as `--content`."""


def bench(request: Request, library: Library, settings: Settings) -> int:
    """Talk to a server of our own and print what was measured.

    Args:
        request: What to measure.
        library: Where the characters are from; the server has the same.
        settings: What the person configured; the server has the same.

    Returns:
        The exit code: 0, also when a turn was lost; the figures say so.

    Raises:
        UsageError: A number is out of range.
        InputError: A recording cannot be used.
        SetupError: The server does not start.
        EngineError: The server went away meanwhile.
    """
    options = _options(request, token=settings.server.token)

    @asynccontextmanager
    async def other(names: Sequence[str]) -> AsyncIterator[Other]:
        from npc_runtime.bench.sequential import sequential

        characters = {name: library.character(name) for name in names}
        console.log(shown("Loading the models once more, for the comparison …"))
        async with sequential(settings, library, [*characters.values()]) as pipeline:
            yield lambda name, clip: pipeline.answer(characters[name], clip)

    async def run(progress: Progress) -> Measured:
        async with sidecar([*SERVE, *request.serve]) as server:
            compare = other if request.compare else None
            return await measure(options, server.url, server.pid, progress=progress, compare=compare)

    console.log(shown("Loading the models …"))
    with busy(request.busy), _showing() as progress:
        measured = anyio.run(run, progress)
    figures = summary(measured, busy=request.busy)
    sys.stdout.write(json.dumps(figures, ensure_ascii=False) + "\n" if request.json else table(figures))
    return 0


def _options(request: Request, *, token: str) -> Options:
    if not 1 <= request.turns <= _MOST_TURNS:
        raise UsageError(f"--turns {request.turns} cannot be run.", hint=f"give 1 to {_MOST_TURNS}")
    if not 0 <= request.busy <= _MOST_BUSY:
        raise UsageError(f"--busy {request.busy} is not a number of cores.", hint=f"give 0 to {_MOST_BUSY}")
    if request.text and (request.compare or request.speech):
        raise UsageError("--text types every line: it needs no speech.", hint="leave out --compare and --speech")
    if request.text:
        return Options(spoken=0, typed=request.turns, seed=request.seed, token=token)
    clips = load(request.speech or _bundled_speech())
    half = request.turns // 2
    return Options(clips=clips, spoken=request.turns, typed=half, seed=request.seed, token=token)


def _bundled_speech() -> list[Path]:
    return sorted(path for path in bundled("assets", "audio").iterdir() if path.suffix in SUFFIXES)


@contextmanager
def _showing() -> Iterator[Progress]:
    """Show how the run gets on: a bar on a terminal, a line per turn elsewhere; on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    terminal = Console(stderr=True)
    if not terminal.is_terminal:
        yield lambda text, done, total: console.log(f"{done} of {total}: {text}")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda text, done, total: bar.update(task, description=text, completed=done, total=total)
