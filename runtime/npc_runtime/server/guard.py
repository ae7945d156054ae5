"""Who may connect (CONTRACT 4.3): programs on this machine, no web pages, others only with a token.

A web page can reach a loopback port in two ways: directly, and then the browser sends `Origin` or `Sec-Fetch-Site`; or
by a name that resolves to this machine (DNS rebinding), and then `Host` is that name. Both are refused.
"""

import hmac
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from npc_runtime.errors import UsageError


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served."""

    status: int
    """HTTP status."""
    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Gate:
    """The rule for one server."""

    names: frozenset[str]
    """Names of this machine besides `localhost`, in lower case."""
    origins: frozenset[str] = frozenset()
    """Web origins that may connect, normalised."""
    token: str = ""
    """What `Authorization: Bearer` must carry; empty: nothing is asked for."""

    def refusal(self, headers: Mapping[str, str], *, local: str = "", method: str = "GET") -> Refusal | None:
        """Why a request, or the handshake of a WebSocket, is refused; None if it is not.

        Args:
            headers: By lower-case name.
            local: The address of this machine at which the request arrived.
            method: The HTTP method.
        """
        host = headers.get("host", "")
        if not host_allowed(host, self.names | {local.lower()}):
            return Refusal(
                403,
                "host_refused",
                f"The Host {host[:100]!r} is not this machine.",
                "connect to 127.0.0.1 or localhost",
            )
        origin = headers.get("origin")
        if origin is not None and normal_origin(origin) not in self.origins:
            hint = "web pages may not use the runtime unless server.allowed_origins names them"
            return Refusal(403, "origin_refused", f"The Origin {origin[:100]!r} is not allowed.", hint)
        if origin is None and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return Refusal(403, "origin_refused", "The request comes from a web page.", "open the address itself")
        asks_only = method == "OPTIONS" and origin is not None and "access-control-request-method" in headers
        if self.token and not asks_only and not token_matches(headers.get("authorization", ""), self.token):
            hint = "send the header `Authorization: Bearer` with the token the server was started with"
            return Refusal(401, "token_refused", "The token is missing or wrong.", hint)
        return None


def gate(host: str, *, token: str = "", origins: Iterable[str] = ()) -> Gate:
    """The rule for a server that listens at an address.

    Args:
        host: The address or name to listen at.
        token: Asked of every request if given.
        origins: Web origins that may connect, such as `http://localhost:3000`.

    Raises:
        UsageError: The address can be reached from other machines and there is no token.
    """
    require_token(host, token)
    own = socket.gethostname().lower()
    names = {own, own.partition(".")[0], own.partition(".")[0] + ".local", _bare(host)}
    return Gate(frozenset(names), frozenset(normal_origin(origin) for origin in origins), token)


def require_token(host: str, token: str) -> None:
    """Refuse to listen beyond loopback without a token.

    Raises:
        UsageError: There is no token, and the address can be reached from other machines.
    """
    if not token and not is_loopback(host):
        raise UsageError(
            f"Listening at {host or 'every address'} lets other machines connect, and there is no token.",
            hint="set server.token (or NPC_RUNTIME_SERVER__TOKEN), or listen at 127.0.0.1",
        )


def is_loopback(host: str) -> bool:
    """Whether an address or name can only be reached from this machine."""
    name = _bare(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    if address is None:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def host_allowed(header: str, names: Iterable[str]) -> bool:
    """Whether a `Host` header means this machine.

    Args:
        header: Name or address, with or without a port.
        names: What this machine is called besides `localhost`, in lower case.
    """
    name, port = _split(header.strip())
    if not name or (port and not port.isdecimal()):
        return False
    bare = _bare(name)
    return is_loopback(bare) or bare in {known for known in names if known}


def normal_origin(origin: str) -> str:
    """An origin as it can be compared."""
    return origin.strip().rstrip("/").lower()


def token_matches(authorization: str, token: str) -> bool:
    """Whether an `Authorization` header carries the token; takes the same time wherever they differ."""
    scheme, _, given = authorization.strip().partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _split(header: str) -> tuple[str, str]:
    """Host and port of a `Host` header; a host that makes no sense is empty."""
    if header.startswith("["):
        address, bracket, rest = header[1:].partition("]")
        return (address, rest[1:]) if bracket and (not rest or rest.startswith(":")) else ("", "")
    name, _, port = header.partition(":")
    return name, port


def _bare(host: str) -> str:
    return host.strip().strip("[]").removesuffix(".").lower()


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
