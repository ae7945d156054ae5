"""The report as a file: built in memory, then put in its place as a whole."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from npc_runtime.files import whole_file
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
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
