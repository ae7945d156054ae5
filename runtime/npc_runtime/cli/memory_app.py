"""The command line of `memory`; the commands themselves are loaded when one is run."""

from pathlib import Path
from typing import Annotated

import typer

from npc_runtime.cli.options import Content, State, library_for, settings_for

memory_app = typer.Typer(help="What the characters remember: see it, keep it, forget it.", no_args_is_help=True)

World = Annotated[str, typer.Option("--world", help="Whose memories: the name of the game.")]
OfPlayer = Annotated[str | None, typer.Option("--player", help="Only what concerns the player with this id.")]


@memory_app.command("show")
def memory_show(
    character: Annotated[str, typer.Argument(help="Who remembers: id, name or alias; everyone if none.")] = "",
    player: OfPlayer = None,
    world: World = "default",
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many experiences with each player.")] = 20,
    content: Content = None,
    state: State = None,
) -> None:
    """What the characters remember."""
    from npc_runtime.cli.memory import show

    settings = settings_for(content, state)
    folder = settings.state_dir
    raise typer.Exit(show(library_for(settings), folder, character, player=player, world=world, limit=limit))


@memory_app.command("export")
def memory_export(
    character: Annotated[str, typer.Argument(help="Who remembers: id, name or alias; everyone if none.")] = "",
    player: OfPlayer = None,
    world: World = "default",
    out: Annotated[Path | None, typer.Option("--out", help="The file; printed without it.")] = None,
    content: Content = None,
    state: State = None,
) -> None:
    """The same, complete, as JSON."""
    from npc_runtime.cli.memory import export

    settings = settings_for(content, state)
    raise typer.Exit(export(library_for(settings), settings.state_dir, character, player=player, world=world, out=out))


@memory_app.command("forget")
def memory_forget(
    character: Annotated[str, typer.Argument(help="Who forgets: id, name or alias.")],
    player: OfPlayer = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    content: Content = None,
    state: State = None,
) -> None:
    """Remove what a character remembers, from every save game."""
    from npc_runtime.cli.memory import forget

    settings = settings_for(content, state)
    raise typer.Exit(forget(library_for(settings), settings.state_dir, character, player=player, sure=yes))
