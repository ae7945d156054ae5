"""`npc-runtime models`: list, pull, verify and fit; each function prints, and returns the exit code."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from npc_runtime.cli.tongue import shown
from npc_runtime.errors import InputError, ModelError, NpcError
from npc_runtime.models.fetch import Progress
from npc_runtime.models.fit import CONTEXT_TOKENS, GAME_RESERVE, Fit, Verdict, fit_together, gib
from npc_runtime.models.fit import fit as fit_one
from npc_runtime.models.hardware import Machine, this_machine
from npc_runtime.models.locate import LocatedModel, MissingModelError, locate
from npc_runtime.models.piper_voices import is_voice_name, pull_voice
from npc_runtime.models.pull import Source
from npc_runtime.models.pull import pull as pull_one
from npc_runtime.models.registry import KIND_NAMES, ModelEntry, Registry, megabytes
from npc_runtime.models.store import model_folder, own_registry
from npc_runtime.models.verify import Verdicts

_STEP = 10
"""Percent between two lines about a download where there is no terminal."""
_COLOURS: dict[str, str] = {"fits": "green", "tight": "yellow", "too big": "red"}


def list_models(*, cache: Path, json_output: bool = False) -> int:
    """Show every known model: what it is for, its size and licence, and where it is."""
    registry = Registry.load(own_registry(cache))
    found = [(entry, _where(entry, cache, registry)) for entry in registry.entries]
    if json_output:
        typer.echo(json.dumps([_as_json(entry, model) for entry, model in found], ensure_ascii=False, indent=2))
        return 0
    rows = [
        (
            entry.id + (" *" if entry.default else ""),
            shown(KIND_NAMES[entry.kind]),
            ", ".join(entry.languages) if len(entry.languages) <= 3 else shown(f"{len(entry.languages)} languages"),
            megabytes(entry.size),
            entry.licence,
            shown({"package": "installed", "cache": "pulled"}.get(model.origin, "") if model else "not here"),
        )
        for entry, model in found
    ]
    _table(("model", "what", "languages", "size", "licence", "state"), rows)
    used = "* used unless another one is chosen, if it knows the language. `npc-runtime models pull MODEL` fetches one."
    typer.echo(f"\n{shown(used)}")
    for entry, _ in found:
        if entry.note:
            typer.echo(f"{entry.id}: {entry.note}")
    return 0


def pull(ids: Sequence[str], *, cache: Path, source: Source = "auto") -> int:
    """Fetch models into the cache.

    Args:
        ids: Models by id, Piper voices by name; none for the default ones that are not on this machine.
        cache: The cache folder.
        source: Where to fetch from.

    Raises:
        NpcError: A model is unknown, or cannot be fetched; those before it are there.
    """
    registry = Registry.load(own_registry(cache))
    voices = [name for name in ids if name not in registry and is_voice_name(name)]
    entries = [registry.get(model_id) for model_id in ids if model_id not in voices]
    if not ids:
        entries = [entry for entry in _defaults(registry) if not _where(entry, cache, registry)]
        if not entries:
            typer.echo(shown("Every default model is on this machine."))
    for entry in entries:
        with showing(entry.id) as progress:
            folder = pull_one(entry, cache=cache, source=source, progress=progress, on_wait=partial(_waiting, entry.id))
        _pulled(entry, folder)
    for name in voices:
        with showing(name) as progress:
            entry = pull_voice(name, cache=cache, progress=progress, on_wait=partial(_waiting, name))
        _pulled(entry, model_folder(cache, entry.id))
    return 0


def verify(ids: Sequence[str] = (), *, cache: Path) -> int:
    """Compute the hash of every model file anew and compare it.

    Args:
        ids: Models by id; none for all that are on this machine.
        cache: The cache folder.

    Returns:
        0 if all are right, 3 if one is damaged or one that was named is missing.

    Raises:
        InputError: A model is unknown.
    """
    registry = Registry.load(own_registry(cache))
    entries = [registry.get(model_id) for model_id in ids] or registry.entries
    rows: list[tuple[str, ...]] = []
    problems: list[NpcError] = []
    for entry in entries:
        try:
            model = locate(entry.id, cache=cache, registry=registry, verify=False)
            for path, file in zip(model.files, entry.files, strict=True):
                hint = "reinstall its package" if model.origin == "package" else f"npc-runtime models pull {entry.id}"
                Verdicts(cache).check(path, file, hint=hint, force=True)
        except MissingModelError as error:
            rows.append((entry.id, shown("not here"), ""))
            if ids:
                problems.append(error)
        except NpcError as error:
            rows.append((entry.id, shown("damaged"), ""))
            problems.append(error)
        else:
            rows.append((entry.id, shown("right"), str(model.path)))
    _table(("model", "state", "path"), rows)
    for problem in problems:
        typer.echo(shown(problem.message) + (f" ({shown(problem.hint)})" if problem.hint else ""), err=True)
    return 3 if problems else 0


def fit(
    ids: Sequence[str] = (),
    *,
    cache: Path,
    reserve: int = GAME_RESERVE,
    context_tokens: int = CONTEXT_TOKENS,
    json_output: bool = False,
    machine: Machine | None = None,
) -> int:
    """Say which models run on this machine beside a game.

    Args:
        ids: Models by id; none for all.
        cache: The cache folder.
        reserve: Bytes to leave for the game, in memory and in graphics memory.
        context_tokens: Length of the context of language models.
        json_output: Whether to print JSON.
        machine: The machine to judge; this one if absent.

    Raises:
        InputError: A model is unknown, or a number is out of range.
    """
    if reserve < 0 or context_tokens < 1:
        raise InputError("the reserve cannot be negative and the context needs at least one token")
    registry = Registry.load(own_registry(cache))
    here = machine or this_machine()
    entries = [registry.get(model_id) for model_id in ids] or registry.entries
    fits = [fit_one(entry, here, reserve=reserve, context_tokens=context_tokens) for entry in entries]
    together = fit_together(_defaults(registry), here, reserve=reserve, context_tokens=context_tokens)
    if json_output:
        typer.echo(json.dumps(_fit_json(here, reserve, fits, together), indent=2))
        return 0
    typer.echo(shown(_describe(here, reserve)))
    rows = [
        (result.id, shown(verdict.level), gib(verdict.need), shown(verdict.reason))
        for result in fits
        for verdict in _both(result)
    ]
    if not ids:
        rows.append((shown("the defaults together"), shown(together.level), gib(together.need), shown(together.reason)))
    _table(("model", "verdict", "needs", "why"), rows)
    return 0


def offer_pull(missing: MissingModelError, *, cache: Path, interactive: bool) -> bool:
    """Ask a person whether to fetch a model that is missing, and fetch it.

    Args:
        missing: The failure that names the model.
        cache: The cache folder.
        interactive: Whether a person sits at the terminal; nothing is asked otherwise.

    Returns:
        Whether the model is there now; if not, the failure's own message and hint are what to print.

    Raises:
        NpcError: The person said yes and the model cannot be fetched.
    """
    if not interactive:
        return False
    entry = missing.entry
    if entry.note:
        typer.echo(entry.note, err=True)
    question = f"{entry.title} is not on this machine. Download it ({megabytes(entry.size)}, {entry.licence})?"
    if not typer.confirm(shown(question), default=True, err=True):
        return False
    return pull([entry.id], cache=cache) == 0


@contextmanager
def showing(model_id: str) -> Iterator[Progress]:
    """Show how a download gets on: a bar on a terminal, a line per tenth elsewhere; on stderr."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Bar(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
            task = bar.add_task(model_id, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    told = -1

    def line(done: int, total: int) -> None:
        nonlocal told
        step = done * 100 // total // _STEP
        if step > told:
            told = step
            typer.echo(shown(f"{model_id}: {done / 1e6:.0f} of {total / 1e6:.0f} MB ({step * _STEP} %)"), err=True)

    yield line


def _pulled(entry: ModelEntry, folder: Path) -> None:
    typer.echo(f"{entry.id}: {folder}")
    if entry.note:
        typer.echo(f"  {entry.licence}. {entry.note}")


def _waiting(model_id: str) -> None:
    typer.echo(shown(f"{model_id}: another process is fetching it; waiting"), err=True)


def _where(entry: ModelEntry, cache: Path, registry: Registry) -> LocatedModel | None:
    try:
        return locate(entry.id, cache=cache, registry=registry, verify=False, put_together=False)
    except ModelError:
        return None


def _defaults(registry: Registry) -> list[ModelEntry]:
    """What a new user's English character needs."""
    return [registry.default("stt"), registry.default("llm"), registry.default("tts")]


def _both(result: Fit) -> list[Verdict]:
    return [result.ram, result.vram] if result.vram else [result.ram]


def _describe(machine: Machine, reserve: int) -> str:
    memory = f"{gib(machine.available)} of {gib(machine.total)} memory free, {machine.cores} cores"
    gpus = ", ".join(f"{gpu.name} with {gib(gpu.free)} of {gib(gpu.total)} free" for gpu in machine.gpus)
    if machine.unified:
        gpus = "graphics in the same memory"
    return (
        f"This machine: {memory}; {gpus or 'no graphics memory that could be measured'}. The game keeps {gib(reserve)}."
    )


def _fit_json(machine: Machine, reserve: int, fits: Sequence[Fit], together: Verdict) -> dict[str, object]:
    def plain(verdict: Verdict | None) -> dict[str, object] | None:
        return {"verdict": verdict.level, "need": verdict.need, "reason": verdict.reason} if verdict else None

    return {
        "machine": {
            "total": machine.total,
            "available": machine.available,
            "cores": machine.cores,
            "unified": machine.unified,
            "gpus": [{"name": gpu.name, "total": gpu.total, "free": gpu.free} for gpu in machine.gpus],
        },
        "reserve": reserve,
        "models": [{"id": result.id, "ram": plain(result.ram), "vram": plain(result.vram)} for result in fits],
        "defaults_together": plain(together),
    }


def _as_json(entry: ModelEntry, model: LocatedModel | None) -> dict[str, object]:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "family": entry.family,
        "title": entry.title,
        "languages": entry.languages,
        "default": entry.default,
        "licence": entry.licence,
        "note": entry.note,
        "size": entry.size,
        "ram_mib": entry.ram_mib,
        "files": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in entry.files],
        "origin": model.origin if model else None,
        "path": str(model.path) if model else None,
    }


def _colours() -> dict[str, str]:
    return {shown(level): colour for level, colour in _COLOURS.items()}


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal; elsewhere the same cells with tabs between them, which scripts can cut."""
    if not sys.stdout.isatty():
        for row in ([shown(name) for name in header], *rows):
            typer.echo("\t".join(row))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, name in enumerate(header):
        table.add_column(shown(name), overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(f"[{colour}]{cell}" if (colour := _colours().get(cell)) else cell for cell in row))
    Console().print(table)
