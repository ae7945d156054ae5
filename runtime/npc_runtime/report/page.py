"""The page: template, style and scripts from `assets/report`, and the turn as JSON, joined into one HTML text.

The page needs no network and its content security policy forbids any: the one style and the one script are allowed by
their hashes, sound by `data:` addresses. Everything that a player, a model or an author wrote travels as JSON in a
block that is not executed, and the scripts put it into the page as text.
"""

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from npc_runtime.report.story import tell
from npc_runtime.report.waveform import media_type, outline
from npc_runtime.resources import bundled

SCRIPTS = ("dom", "format", "shapes", "mouth", "feelings", "face", "transport", "timeline", "cards", "main")
"""Names of the scripts in `assets/report`, in the order in which they build on one another."""

_MARKUP = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_SLOT = re.compile(r"\{\{(\w+)\}\}")


def build_page(
    *,
    messages: Sequence[Mapping[str, Any]],
    audio: bytes,
    character: Mapping[str, str],
    player_text: str,
    player_audio: bytes | None,
    runtime_version: str,
) -> str:
    """The whole page as text; see `write_report` for the arguments.

    Raises:
        AudioError: `audio` is not empty and not a PCM WAV file.
    """
    reply = outline(audio)
    story = tell(messages, player_text=player_text, duration_ms=reply.duration_ms)
    data = {
        "version": runtime_version,
        "character": {key: str(character.get(key, "")) for key in ("id", "name", "summary")},
        "story": asdict(story),
        "reply": {"peaks": reply.peaks, "source": _address(audio) if reply.duration_ms else ""},
        "player": {"source": _address(player_audio or b"")},
        "messages": [_without_sound(message) for message in messages],
    }
    folder = bundled("assets", "report")
    style = _read(folder / "page.css")
    script = '(() => {\n"use strict";\n' + "".join(_read(folder / f"{name}.js") for name in SCRIPTS) + "})();\n"
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "media-src data:",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    parts = {"policy": policy, "style": style, "script": script, "data": embed_json(data)}
    # One pass: what has been filled in is never looked at again, so text that looks like a slot stays text.
    return _SLOT.sub(lambda slot: parts[slot[1]], _read(folder / "page.html"))


def embed_json(value: Any) -> str:
    """JSON that is safe inside a `<script type="application/json">` block and parses back to the same value.

    Pure ASCII, so that lone surrogates and U+2028 do no harm; `<`, `>` and `&` are escaped, so that no text can end
    the block; numbers that JSON does not have (NaN, infinities) become null.
    """
    return json.dumps(_finite(value), ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(_MARKUP)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _without_sound(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message with its samples counted instead of listed: the page carries the sound once already."""
    plain = dict(message)
    encoded = plain.get("pcm_base64")
    if isinstance(encoded, str):
        plain["pcm_base64"] = f"({len(encoded) * 3 // 4 - encoded.count('=', -2):,} bytes)"
    return plain


def _address(sound: bytes) -> str:
    return f"data:{media_type(sound)};base64,{base64.b64encode(sound).decode('ascii')}" if sound else ""


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _read(path: Path) -> str:
    # Universal newlines matter: the hash in the policy is of the text with "\n", and so is the file that is written.
    return path.read_text(encoding="utf-8")
