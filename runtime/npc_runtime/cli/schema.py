"""`schema`: the JSON Schema of what authors write, of the settings, and of the protocol."""

import difflib
import json
from collections.abc import Callable, Mapping
from typing import Any

from npc_runtime.errors import UsageError

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(name: str) -> str:
    """The schema as JSON text, ending in a newline.

    Args:
        name: One of `NAMES`.

    Raises:
        UsageError: There is no schema of that name.
    """
    make = _SCHEMAS.get(name)
    if make is None:
        close = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {close[0]}?" if close else "there are " + ", ".join(NAMES)
        raise UsageError(f"There is no schema {name!r}.", hint=hint)
    return json.dumps({"$schema": _DIALECT, **make()}, indent=2, ensure_ascii=False) + "\n"


def _character() -> dict[str, Any]:
    from npc_runtime.content.character import CharacterFile

    return CharacterFile.model_json_schema()


def _action() -> dict[str, Any]:
    from npc_runtime.content.action import ActionPack

    return ActionPack.model_json_schema()


def _config() -> dict[str, Any]:
    from npc_runtime.config import Settings

    return Settings.model_json_schema()


def _protocol() -> dict[str, Any]:
    from npc_runtime.server.protocol import json_schema

    return json_schema()


_SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "character": _character,
    "action": _action,
    "config": _config,
    "protocol": _protocol,
}
NAMES = tuple(_SCHEMAS)
"""The schemas there are."""
