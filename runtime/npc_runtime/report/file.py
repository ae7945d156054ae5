"""The report as a file: built in memory, then put in its place as a whole."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from npc_runtime.errors import OutputError
from npc_runtime.report.page import build_page


def write_report(
    path: Path,
    *,
    messages: Sequence[Mapping[str, Any]],
    audio: bytes,
    character: Mapping[str, str],
    player_text: str,
    player_audio: bytes | None,
    runtime_version: str,
) -> None:
    """Write the report of one turn.

    Args:
        path: The HTML file to write; its folder is made if it is not there. An older report stays whole until the new
            one is complete.
        messages: The wire messages of the turn in order, as `events.to_wire` makes them.
        audio: The whole reply as the content of a PCM WAV file that starts with the turn's audio; empty when the
            character made no sound.
        character: `id`, `name` and `summary` of who answered.
        player_text: What the player wrote, or was heard to say; empty when nothing was said.
        player_audio: The player's line as the content of a sound file (WAV, FLAC, OGG or MP3), if there was any.
        runtime_version: Version of npc-runtime that made the turn.

    Raises:
        AudioError: `audio` is not empty and not a PCM WAV file.
        OutputError: The file cannot be written.
    """
    page = build_page(
        messages=messages,
        audio=audio,
        character=character,
        player_text=player_text,
        player_audio=player_audio,
        runtime_version=runtime_version,
    )
    # In the same folder, so that the last step is a rename and never a copy across file systems.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(page, encoding="utf-8", newline="\n")
        os.replace(unfinished, path)
    except OSError as error:
        raise OutputError(
            f"Cannot write the report to {path}: {error.strerror or error}.",
            hint="Choose a folder you may write to with --out, or free some disk space.",
        ) from error
    finally:
        _discard(unfinished)


def _discard(unfinished: Path) -> None:
    """Remove what a failed write left; a folder that cannot be read must not hide the failure itself."""
    try:
        unfinished.unlink(missing_ok=True)
    except OSError:
        return
