"""How a transcription service fails, told to a person: never with its key, with a line of its own words at most."""

from typing import TYPE_CHECKING, Any

from npc_runtime.errors import Failing, ServiceError
from npc_runtime.retry_after import retry_after

if TYPE_CHECKING:
    import openai

_MOST_WORDS = 200
_KEY_HINT = "check NPC_RUNTIME_STT__API_KEY or the provider's own variable"
_URL_HINT = "check stt.base_url and stt.model"
_LATER_HINT = "the trouble is on its side; Whisper on this machine needs no service"


def refused(error: "openai.APIStatusError", host: str, key: str) -> ServiceError:
    """What an HTTP error status means.

    Args:
        error: As the SDK raises it.
        host: Of the service.
        key: That must not be told.
    """
    status = error.status_code
    failing: Failing
    if status in (401, 403):
        # Services repeat part of the key here.
        return ServiceError(f"The speech service {host} refuses the key.", hint=_KEY_HINT, failing="key")
    if status == 429:
        wait = retry_after(error.response.headers)
        hint = f"it may be asked again in {wait:.0f} s" if wait is not None else "wait a little"
        message = f"The speech service {host} has had enough requests for now."
        return ServiceError(message, hint=hint, failing="limit", retry_after=wait)
    if status in (408, 504):
        failing, hint = "timeout", _LATER_HINT
    elif status >= 500:
        failing, hint = "server", _LATER_HINT
    else:
        failing, hint = "request", _URL_HINT
    told = _told(error.body, key)
    wait = retry_after(error.response.headers)
    message = f"The speech service {host} answered with HTTP status {status}{told}."
    return ServiceError(message, hint=hint, failing=failing, retry_after=wait)


def no_address() -> ServiceError:
    """The settings are wrong."""
    hint = "write one such as https://api.openai.com/v1"
    return ServiceError("stt.base_url is not the address of a service.", hint=hint, failing="request")


def unreachable(host: str) -> ServiceError:
    """There is no connection."""
    hint = "check the network connection, the proxy (HTTPS_PROXY) and stt.base_url"
    return ServiceError(f"The speech service {host} cannot be reached.", hint=hint, failing="connect")


def silent(host: str, seconds: float) -> ServiceError:
    """It takes too long."""
    message = f"The speech service {host} did not answer within {seconds:.0f} s."
    return ServiceError(message, hint="stt.timeout says how long it may take", failing="timeout")


def senseless(host: str) -> ServiceError:
    """What it sends breaks off or is no transcript."""
    message = f"What the speech service {host} answers breaks off, or is not a transcript."
    return ServiceError(message, hint=_URL_HINT, failing="broken")


def _told(body: Any, key: str) -> str:
    """The service's own words, if it has any."""
    inner = body.get("error", body) if isinstance(body, dict) else None
    words = inner.get("message") if isinstance(inner, dict) else inner
    if not isinstance(words, str):
        return ""
    line = " ".join("".join(char if char.isprintable() else " " for char in words[: 4 * _MOST_WORDS]).split())
    if key:
        line = line.replace(key, "…")
    return f": {line[:_MOST_WORDS].rstrip('.')}" if line else ""
