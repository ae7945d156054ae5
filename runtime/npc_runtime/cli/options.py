"""Options that several commands share, and what follows from them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from npc_runtime.errors import InputError

if TYPE_CHECKING:
    from npc_runtime.config import Settings
    from npc_runtime.content.library import Library

Content = Annotated[Path | None, typer.Option("--content", help="Content folder with characters/ and actions/.")]
State = Annotated[Path | None, typer.Option("--state", help="Folder for models, memory and logs.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]


def settings_for(content: Path | None, state: Path | None, **more: Any) -> "Settings":
    """The settings that apply to a command.

    Args:
        content: What `--content` says.
        state: What `--state` says.
        more: Settings from other flags, by dotted key; None: not given.

    Raises:
        InputError: There is no such content folder, or a setting does not fit.
        ContentError: The settings file has mistakes.
    """
    from npc_runtime.config import load

    if content is not None and not content.is_dir():
        raise InputError(f"There is no content folder {content}.", hint="check --content")
    return load(content, overrides={"content": content, "state": state, **more})


def library_for(settings: "Settings") -> "Library":
    """The characters of the content folder, and the bundled ones."""
    from npc_runtime.content.library import Library
    from npc_runtime.resources import bundled

    return Library.load([settings.content or Path(), bundled()])
