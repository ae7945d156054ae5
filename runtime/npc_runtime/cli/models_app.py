"""The command line of `models`; the commands themselves are loaded when one is run."""

from typing import Annotated

import typer

from npc_runtime.cli.options import Json, State, settings_for
from npc_runtime.errors import UsageError

models_app = typer.Typer(help="Known models: list them, get them, check them.", no_args_is_help=True)

_MOST_RAM = 65_536
"""GiB: more than any machine has."""


@models_app.command("list")
def models_list(json: Json = False, state: State = None) -> None:
    """The known models and where they are."""
    from npc_runtime.cli.models import list_models

    raise typer.Exit(list_models(cache=settings_for(None, state).model_cache, json_output=json))


@models_app.command("pull")
def models_pull(
    ids: Annotated[
        list[str] | None,
        typer.Argument(help="Model ids, or names of Piper voices, such as tr_TR-dfki-medium; the defaults if none."),
    ] = None,
    state: State = None,
) -> None:
    """Download models into the cache."""
    from npc_runtime.cli.models import pull

    raise typer.Exit(pull(ids or [], cache=settings_for(None, state).model_cache))


@models_app.command("verify")
def models_verify(
    ids: Annotated[list[str] | None, typer.Argument(help="Model ids; all that are here if none.")] = None,
    state: State = None,
) -> None:
    """Compare the models on this machine with their known hashes."""
    from npc_runtime.cli.models import verify

    raise typer.Exit(verify(ids or [], cache=settings_for(None, state).model_cache))


@models_app.command("fit")
def models_fit(
    game_ram: Annotated[float, typer.Option("--game-ram", help="Memory to leave for the game, in GiB.")] = 4.0,
    json: Json = False,
    state: State = None,
) -> None:
    """Which models run on this machine beside a game."""
    from npc_runtime.cli.models import fit

    if not 0 <= game_ram <= _MOST_RAM:  # also refuses what is not a number
        raise UsageError(f"--game-ram {game_ram} is not an amount of memory.", hint=f"give 0 to {_MOST_RAM} GiB")
    raise typer.Exit(fit(cache=settings_for(None, state).model_cache, reserve=int(game_ram * 2**30), json_output=json))
