"""Keys of services: where they are found, and what is said when there is none."""

import importlib
import importlib.util
import logging
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import anyio
from pydantic import SecretStr

from npc_runtime.errors import ServiceError
from npc_runtime.llm.providers import Provider

_log = logging.getLogger(__name__)

KEYRING_SERVICE = "npc-runtime"
"""Under which name the system keyring holds the keys; the user is the id of the provider."""
_KEYRING_SECONDS = 2.0
"""A keyring that is locked may ask somebody who sees only the game."""


async def find_key(
    provider: Provider, explicit: SecretStr, *, variable: str, environ: Mapping[str, str] | None = None
) -> SecretStr:
    """The key for a service: from the settings, else from its usual variable, else from the system keyring.

    Args:
        provider: The service; one without `keys` works without any.
        explicit: What the settings give; empty if nothing.
        variable: Which variable of ours sets that, for the message.
        environ: The environment; this process's by default.

    Returns:
        The key; empty where none is needed.

    Raises:
        ServiceError: It needs one and there is none.
    """
    if given := explicit.get_secret_value().strip():
        return SecretStr(given)
    environ = os.environ if environ is None else environ
    for name in provider.keys:
        if value := environ.get(name, "").strip():
            return SecretStr(value)
    if not provider.keys:
        return SecretStr("")
    stored: list[str] = []
    with anyio.move_on_after(_KEYRING_SECONDS):
        stored.append(await anyio.to_thread.run_sync(_from_keyring, provider.id, abandon_on_cancel=True))
    if stored and stored[0]:
        return SecretStr(stored[0])
    hint = f"set the variable {provider.keys[0]} or {variable}"
    if _has_keyring():
        hint = (
            f"set the variable {provider.keys[0]} or {variable}, or store it with "
            f"`keyring set {KEYRING_SERVICE} {provider.id}`"
        )
    raise ServiceError(f"{provider.name} needs a key, and none was found.", hint=hint, failing="key")


def _has_keyring() -> bool:
    return importlib.util.find_spec("keyring") is not None


def sendable(given: SecretStr, provider: Provider, *, from_file: bool) -> SecretStr:
    """The key of the settings, if the service may have it.

    A settings file comes with a mod, and the key does not: what such a file alone names gets none, unless it is the
    provider's own or on this machine.

    Args:
        given: The key.
        provider: The service, at the address where it will be asked.
        from_file: Whether only a settings file says where that is.
    """
    known = provider.id != "custom" and bool(provider.keys)
    if not given.get_secret_value() or not from_file or known or provider.local:
        return given
    _log.warning(
        "The key of the settings is not sent to %s: only npc-runtime.toml names that address, and it may have come with"
        " a mod. If you trust it, set NPC_RUNTIME_LLM__BASE_URL (STT, TTS) to it, too.",
        urlsplit(provider.base_url).netloc,
    )
    return SecretStr("")


def _from_keyring(user: str) -> str:
    """What the keyring of this system holds; empty when there is no keyring, or it does not open."""
    if not _has_keyring():
        return ""
    try:
        keyring: Any = importlib.import_module("keyring")
        return str(keyring.get_password(KEYRING_SERVICE, user) or "").strip()
    except Exception:  # each system's keyring fails in its own way, and none of them may cost a turn
        return ""
