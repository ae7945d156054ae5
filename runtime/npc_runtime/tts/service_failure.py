"""How a speech service fails, told to a person; what it answered is never repeated, it may hold a key."""

from collections.abc import Mapping

from npc_runtime.errors import ServiceError
from npc_runtime.retry_after import retry_after

TOO_MUCH = "more sound than a clause can have, or packed sound"
"""See `broken`."""


def of_status(service: str, status: int, headers: Mapping[str, str] | None = None) -> ServiceError:
    """The failure that an HTTP status stands for."""
    wait = retry_after(headers or {})
    if status in (401, 402, 403):
        return ServiceError(
            f"{service} refuses the key (HTTP status {status}).",
            hint="check the key in NPC_RUNTIME_TTS__API_KEY, and that the account may use it",
            failing="key",
        )
    if status == 429:
        return ServiceError(
            f"{service} has had too many requests for now.",
            hint="wait, or use a voice on this machine: tts.engine = espeak",
            failing="limit",
            retry_after=wait,
        )
    if status in (408, 504):
        return silent(service)
    if status >= 500:
        return ServiceError(
            f"{service} failed (HTTP status {status}).",
            hint="the trouble is on its side: try again later",
            retry_after=wait,
        )
    return ServiceError(
        f"{service} does not accept the request (HTTP status {status}).",
        hint="check tts.base_url, tts.model and the name of the voice",
        failing="request",
    )


def unreachable(service: str) -> ServiceError:
    """There is no connection."""
    return ServiceError(
        f"{service} cannot be reached.",
        hint="check the network connection, the proxy (HTTPS_PROXY) and tts.base_url",
        failing="connect",
    )


def silent(service: str) -> ServiceError:
    """It takes too long."""
    return ServiceError(f"{service} takes too long.", hint="tts.timeout says how long it may take", failing="timeout")


def broken(service: str, what: str) -> ServiceError:
    """What it sent cannot be used.

    Args:
        service: Its name.
        what: What it sent, as `a damaged WAV file`.
    """
    return ServiceError(f"{service} sent {what}.", hint="check that tts.base_url is a speech service", failing="broken")
