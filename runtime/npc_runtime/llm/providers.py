"""Providers: the presets of online services, read from `assets/providers.toml`, and services at any other address."""

import difflib
import tomllib
from collections.abc import Iterable
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from npc_runtime.errors import ContentError, InputError, Problem
from npc_runtime.llm.backend import ReplyFormat
from npc_runtime.resources import bundled
from npc_runtime.service_http import is_local

Api = Literal["chat", "responses"]

_PLACEHOLDER = "{workspace}"


def _address(url: str) -> str:
    parts = urlsplit(url.replace(_PLACEHOLDER, "workspace"))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address such as https://example.org/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be an address alone, without a key or a query")
    return url.rstrip("/")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Capabilities(_Strict):
    """What a service is known to do. What it refuses nevertheless is left out after its first refusal."""

    json_schema: bool = False
    """Replies that are bound to a JSON Schema."""
    tools: bool = False
    """Function calls."""
    grammar: bool = False
    """GBNF in the extra field `grammar`, as llama.cpp's server and KoboldCpp take it."""
    system: bool = True
    """Messages of the system."""
    caching: bool = False
    """Prompts that begin alike cost less, of themselves."""
    cache_key: bool = False
    """Takes `prompt_cache_key`, which keeps the prompts of one conversation together."""
    usage: bool = False
    """Tells what a stream has cost when asked with `stream_options`."""
    prefill: Literal["", "message", "prefix", "continue"] = ""
    """How a reply is begun for the model: by a last `message` of the assistant; the same, marked with `prefix`
    (Mistral); or with `continue_final_message` (vLLM)."""


class KnownModel(_Strict):
    """What is known about one model, or about those whose names fit a pattern."""

    id: str = Field(min_length=1)
    input: float | None = Field(default=None, ge=0)
    """US dollars per million tokens of the prompt."""
    cached: float | None = Field(default=None, ge=0)
    """The same for those that the service had kept; the price of others unless given."""
    output: float | None = Field(default=None, ge=0)
    """US dollars per million tokens of the reply."""
    reasoning: Literal["", "none", "minimal", "low"] = ""
    """How little a model that thinks before it answers is asked to think, as it is being waited for."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.input is None) != (self.output is None):
            raise ValueError("give the price of input and output, or of neither")
        return self


class Provider(_Strict):
    """One service."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    name: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    base_url: Annotated[str, AfterValidator(_address)]
    """Up to `/v1`; `{workspace}` in it has to be filled by the settings."""
    hosts: tuple[str, ...] = ()
    """Patterns of further hosts that belong to it and may see its key."""
    keys: tuple[str, ...] = ()
    """Names of the variables that may hold its key; none: it needs no key."""
    model: str = ""
    """What is used when nobody chose a model."""
    api: Api = "chat"
    responses_only: tuple[str, ...] = ()
    """Patterns of models that only its Responses API has."""
    reply_format: ReplyFormat = "tags"
    """What its models do best."""
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """How it calls the longest reply."""
    seed: Literal["", "seed", "random_seed"] = "seed"
    """How it calls the number that makes a reply repeatable, if it has one."""
    can: Capabilities = Capabilities()
    looked_up: date | None = None
    """When prices and capabilities were looked up."""
    models: tuple[KnownModel, ...] = ()

    @property
    def needs_workspace(self) -> bool:
        """Whether the settings must give its address."""
        return _PLACEHOLDER in self.base_url

    @property
    def local(self) -> bool:
        """Whether it runs on this machine."""
        return is_local(self.base_url)

    def api_for(self, model: str) -> Api:
        """Which API has a model."""
        if any(fnmatchcase(model, pattern) for pattern in self.responses_only):
            return "responses"
        return self.api

    def known(self, model: str) -> KnownModel:
        """What is known about a model; nothing but its name if it is a stranger."""
        fitting = (known for known in self.models if fnmatchcase(model, known.id))
        return next(fitting, KnownModel(id=model or "?"))

    def at(self, base_url: str) -> "Provider":
        """The same service at another address.

        Its own keys stay with its own hosts: a mod's settings cannot send them elsewhere.

        Raises:
            InputError: That is no address, or the service needs one and none is given.
        """
        if not base_url:
            if self.needs_workspace:
                raise InputError(
                    f"{self.name} has another address for everybody, and none is set.",
                    hint=f"set base_url, such as {self.base_url.replace(_PLACEHOLDER, 'my-workspace')}",
                )
            return self
        url = _checked(base_url)
        return self.model_copy(update={"base_url": url, "keys": self.keys if self._owns(url) else ()})

    def _owns(self, url: str) -> bool:
        parts, own = urlsplit(url), urlsplit(self.base_url)
        host = parts.hostname or ""
        hosts = self.hosts or (own.hostname or "",)
        return parts.scheme == own.scheme and any(fnmatchcase(host, pattern) for pattern in hosts)


def custom(base_url: str, *, name: str = "", can: Capabilities | None = None) -> Provider:
    """A service that no preset is for.

    Args:
        base_url: Its address, up to `/v1`.
        name: What messages call it; its host unless given.
        can: What it does; by default nothing that not every service does.

    Raises:
        InputError: That is no address.
    """
    url = _checked(base_url)
    return Provider(id="custom", name=name or urlsplit(url).netloc, base_url=url, can=can or Capabilities())


def _checked(url: str) -> str:
    try:
        return _address(url.strip())
    except ValueError as error:
        # Not the address itself: people paste keys into it.
        raise InputError(f"The setting base_url {error}.", hint="leave it out to use the provider's own") from None


class _File(_Strict):
    schema_: Literal[1] = Field(alias="schema")
    providers: tuple[Provider, ...]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        names = [name for provider in self.providers for name in (provider.id, *provider.aliases)]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"there twice: {', '.join(sorted(twice))}")
        return self


class Providers:
    """The known services."""

    def __init__(self, entries: Iterable[Provider]) -> None:
        self.entries = tuple(entries)
        self._by_name = {name: entry for entry in self.entries for name in (entry.id, *entry.aliases)}

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read the presets.

        Args:
            path: A file of the same form instead of the shipped one.

        Raises:
            ContentError: The file cannot be read, is not valid TOML or does not fit the form.
        """
        path = path or bundled("assets", "providers.toml")
        try:
            return cls(_File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).providers)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ContentError([Problem(str(path), 0, 0, f"cannot be read as TOML: {error}")]) from error
        except ValidationError as error:
            raise ContentError(
                [
                    Problem(str(path), 0, 0, f"{'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}")
                    for one in error.errors()
                ]
            ) from error

    def get(self, name: str) -> Provider:
        """The service of that name.

        Raises:
            InputError: There is none; the hint suggests one that is spelled nearly so.
        """
        wanted = name.strip().lower()
        if found := self._by_name.get(wanted):
            return found
        close = difflib.get_close_matches(wanted, self._by_name, n=1, cutoff=0.5)
        known = ", ".join(entry.id for entry in self.entries)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InputError(f"There is no provider {name!r}.", hint=f"{hint}known are {known}; others work with base_url")
