"""Failures of services, told to a person: what happened, what to do, and when to try again."""

import re
import ssl
from collections.abc import Iterator, Mapping

from npc_runtime.errors import Failing, ServiceError
from npc_runtime.retry_after import retry_after

_MODEL = re.compile(r"model", re.IGNORECASE)
_UNKNOWN = re.compile(
    r"not.{0,10}found|does not exist|doesn't exist|no such|unknown|invalid model|not a valid|not available|not exist"
    r"|no endpoints found",
    re.IGNORECASE,
)
_OF_THE_PROMPT = (400, 413, 422)
"""It breaks a rule, is too long, or has a form that this one cannot have: other requests may fare better."""
_NAMES = re.compile(r"getaddrinfo|name or service|nodename nor servname|name resolution|no address", re.IGNORECASE)


def one_line(text: str, *, secret: str = "", most: int = 200) -> str:
    """What a service said, fit for a message: in one line, not too long, and without its key."""
    if secret:
        text = text.replace(secret, "…")
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: most * 8]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def says_unknown_model(status: int, message: str) -> bool:
    """Whether a service refuses a request because it has no such model."""
    return status in (400, 404, 422) and bool(_MODEL.search(message) and _UNKNOWN.search(message))


def unknown_model(service: str, model: str, close: list[str]) -> ServiceError:
    """The service has no model of that name."""
    hint = f"did you mean {' or '.join(close)}? Set llm.model" if close else "set llm.model to one that it has"
    return ServiceError(f"{service} has no model {one_line(model, most=80)!r}.", hint=hint, failing="request")


def refused(
    service: str, status: int, headers: Mapping[str, str], message: str, *, variable: str, has_key: bool
) -> ServiceError:
    """An answer with a status that is no success.

    Args:
        service: Its name.
        status: Of the answer.
        headers: Of the answer.
        message: What it said, as `one_line` gives it.
        variable: Which variables may hold the key, for the hint.
        has_key: Whether a key was sent.
    """
    said = f": {message}" if message else ""
    wait = retry_after(headers)
    page = "html" in headers.get("content-type", "").lower()
    failing: Failing
    if status in (401, 403):  # what it says may have a part of the key in it
        what = "does not accept the key" if has_key else "asks for a key"
        what += "" if status == 401 else ", or does not allow this with it"
        hint = f"check {variable}"
        return ServiceError(f"{service} {what}.", hint=hint, failing="key", retry_after=wait)
    if status == 407:
        return ServiceError(
            f"The proxy on the way to {service} asks for a password.", hint="check HTTPS_PROXY", failing="connect"
        )
    if page and status != 429 and status < 500:
        return not_the_api(service, "a web page")
    if 300 <= status < 400:
        hint = "set base_url to the address where it is now"
        return ServiceError(f"{service} says that it has moved.", hint=hint, failing="request")
    if status == 429:
        hint = "wait a little, or use another service in llm.fallback"
        return ServiceError(f"{service} has reached its rate limit{said}", hint=hint, failing="limit", retry_after=wait)
    if status == 402:
        hint = "add credit there, or use another service in llm.fallback"
        return ServiceError(f"{service} asks for payment{said}", hint=hint, failing="limit", retry_after=wait)
    failing = "server" if status >= 500 or status == 408 else "prompt" if status in _OF_THE_PROMPT else "request"
    what = "has failed" if failing == "server" else "refuses the request"
    hint = "it may work the next time" if failing == "server" else "check llm.provider, llm.base_url and llm.model"
    shown = "" if page else said
    return ServiceError(f"{service} {what} (status {status}){shown}", hint=hint, failing=failing, retry_after=wait)


def not_the_api(service: str, what: str) -> ServiceError:
    """Something answers that does not speak the API."""
    return ServiceError(
        f"{service} answers with {what} instead of a reply.",
        hint="check base_url, which usually ends with /v1, and whether a proxy or a log-in page stands between",
        failing="broken",
    )


def broken(service: str, what: str) -> ServiceError:
    """An answer that breaks off or makes no sense."""
    return ServiceError(f"The answer of {service} {what}.", hint="it may work the next time", failing="broken")


def silent(service: str, seconds: float, what: str) -> ServiceError:
    """A service that says nothing for too long."""
    return ServiceError(
        f"{service} sent no {what} for {seconds:g} s.",
        hint="it may be overloaded; llm.first_token_timeout and llm.timeout say how long to wait",
        failing="timeout",
    )


def unreachable(service: str, host: str, error: BaseException, *, seconds: float, local: bool) -> ServiceError:
    """A connection that does not come about.

    Args:
        service: Its name.
        host: Where it should be.
        error: What the network said.
        seconds: How long was waited.
        local: Whether it should be on this machine.
    """
    chain = list(_chain(error))
    names = " ".join(type(one).__name__ for one in chain)
    texts = " ".join(str(one) for one in chain)
    if any(isinstance(one, ssl.SSLError) for one in chain) or "CERTIFICATE" in texts:
        what = "has no certificate that this machine trusts"
        hint = "check the clock of this machine, and base_url; a proxy may stand between"
    elif "gaierror" in names or _NAMES.search(texts):
        what = f"cannot be found: there is no host {host}"
        hint = "check the connection to the internet, and base_url"
    elif "Timeout" in names:
        what = f"did not accept a connection within {seconds:g} s"
        hint = "check the connection to the internet, and base_url"
    elif "Proxy" in names:
        what = "cannot be reached through the proxy"
        hint = "check HTTPS_PROXY"
    else:
        what = "cannot be reached" if service == host else f"cannot be reached at {host}"
        hint = "start the server, or check base_url" if local else "check the connection to the internet, and base_url"
    return ServiceError(f"{service} {what}.", hint=hint, failing="connect")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
