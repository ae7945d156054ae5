"""Speech-to-text by a service: any one that has OpenAI's interface for transcriptions."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import anyio.from_thread
import anyio.to_thread
import soundfile
from pydantic import SecretStr

from npc_runtime.errors import ServiceError
from npc_runtime.lane import LIVE
from npc_runtime.models.network import place
from npc_runtime.service_http import CONNECT, TooMuchError, openai_client
from npc_runtime.speech import Samples, Transcript
from npc_runtime.stt import hotwords as names
from npc_runtime.stt.cutting import windows
from npc_runtime.stt.level import levelled
from npc_runtime.stt.service_answer import words
from npc_runtime.stt.service_failure import no_address, refused, senseless, silent, unreachable
from npc_runtime.stt.trust import Reason
from npc_runtime.stt.vad import speech_spans

if TYPE_CHECKING:
    import openai

RATE = 16_000
DEFAULT_MODEL = "whisper-1"
"""What OpenAI calls Whisper, and servers of others that have only one model accept."""
MOST_BYTES = 1 << 20
"""Of one answer: a minute of speech has a thousand words, and each may come with figures of its own."""


class OnlineEars:
    """Ears elsewhere: each utterance is sent to a service, as 16 kHz WAV, without the silence around it.

    What nobody said is not sent at all. Failures are `ServiceError`s at once: who asks again, and whom, is decided by
    the caller.

    Args:
        base_url: Of the service, up to `/v1`.
        api_key: Its key; empty if it wants none.
        model: The service's name of a model; empty for `DEFAULT_MODEL`.
        timeout: Seconds that one utterance may take.
    """

    def __init__(self, base_url: str, api_key: SecretStr, *, model: str = "", timeout: float = 6.0) -> None:
        self._base_url = base_url
        self._key = api_key
        self._model = model or DEFAULT_MODEL
        self._timeout = timeout
        self._client: openai.AsyncOpenAI | None = None
        self._starting = anyio.Lock()
        self._asking = 0
        # The newer models of OpenAI only know the short form, with the probability of each token on request.
        self._verbose = not self._model.startswith("gpt-")

    @property
    def name(self) -> str:
        """What a person may call it: the model and where it is."""
        return f"{self._model} of {place(self._base_url)}"

    @property
    def busy(self) -> bool:
        """Whether it waits for the service."""
        return self._asking > 0

    async def start(self) -> None:
        """Make ready to ask; nothing is sent."""
        await self._ready()

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str], rank: int = LIVE) -> Transcript:
        """Recognise one utterance.

        Args:
            samples: 16 kHz mono, -1..1, shape (n,).
            language: What is spoken, as ISO 639-1 code; a region (`en-US`) is ignored.
            hotwords: Names to expect, the most important first.
            rank: Of no use here: a service answers all at once.

        Returns:
            The words; for silence and noise an empty text with the reason.

        Raises:
            ServiceError: The service failed.
            MissingPackageError: The voice detector is not installed.
        """
        code = language.replace("_", "-").split("-")[0].lower()
        duration_ms = len(samples) * 1000 / RATE
        found = await anyio.to_thread.run_sync(_voiced, samples)
        if found is None:
            return Transcript("", code, "silence", duration_ms, 0.0)
        pieces, last_voiced_ms = found
        if not pieces:
            return Transcript("", code, "no_speech", duration_ms, last_voiced_ms)
        self._asking += 1
        try:
            heard = await self._all(pieces, code, names.prompt(hotwords, _tokens))
        finally:
            self._asking -= 1
        text = " ".join(said for said, _ in heard if said)
        reason = "" if text else next(why for _, why in heard)
        return Transcript(text, code, reason, duration_ms, last_voiced_ms)

    def close(self) -> None:
        """Close the connection; from a worker thread of the event loop, as native engines are closed."""
        client, self._client = self._client, None
        if client is not None:
            anyio.from_thread.run(client.close)

    async def _all(self, pieces: Sequence[Samples], language: str, prompt: str) -> list[tuple[str, Reason]]:
        """All pieces at the same time: long speech takes no longer."""
        client = await self._ready()
        heard: list[tuple[str, Reason]] = [("", "")] * len(pieces)
        failures: list[ServiceError] = []

        async def one(index: int, piece: Samples) -> None:
            try:
                wav = await anyio.to_thread.run_sync(_wav, piece)
                body = await self._asked(client, wav, language, prompt)
                heard[index] = words(body, seconds=len(piece) / RATE, prompt=prompt)
            except ServiceError as error:
                failures.append(error)
                tasks.cancel_scope.cancel()
            except ValueError:
                failures.append(senseless(place(self._base_url)))
                tasks.cancel_scope.cancel()

        host = place(self._base_url)
        try:
            with anyio.fail_after(self._timeout):
                async with anyio.create_task_group() as tasks:
                    for index, piece in enumerate(pieces):
                        tasks.start_soon(one, index, piece)
        except TimeoutError:
            raise silent(host, self._timeout) from None
        if failures:
            raise failures[0]
        return heard

    async def _asked(self, client: "openai.AsyncOpenAI", wav: bytes, language: str, prompt: str) -> bytes:
        import httpx2
        import openai

        host = place(self._base_url)
        verbose = self._verbose
        while True:
            form: dict[str, Any] = {"response_format": "verbose_json"} if verbose else {"response_format": "json"}
            if self._model.startswith("gpt-"):
                form["include"] = ["logprobs"]
            try:
                async with client.audio.transcriptions.with_streaming_response.create(
                    file=("speech.wav", wav, "audio/wav"),
                    model=self._model,
                    language=language or openai.omit,
                    prompt=prompt or openai.omit,
                    temperature=0.0,
                    **form,
                ) as response:
                    body: bytes = await response.read()
            except openai.APIStatusError as error:
                if verbose and error.status_code in (400, 422):
                    verbose = False  # not every service has the long form; it may be the sound, too, that it refuses
                    continue
                raise refused(error, host, self._key.get_secret_value()) from None
            except openai.APIConnectionError as error:
                cause = error.__cause__
                if isinstance(cause, httpx2.ConnectTimeout | httpx2.ConnectError | httpx2.ProxyError):
                    raise unreachable(host) from None
                late = isinstance(error, openai.APITimeoutError)
                raise (silent(host, self._timeout) if late else senseless(host)) from None
            except (openai.APIError, httpx2.HTTPError, TooMuchError):
                raise senseless(host) from None
            self._verbose = self._verbose and verbose
            return body

    async def _ready(self) -> "openai.AsyncOpenAI":
        async with self._starting:
            if self._client is None:
                try:
                    self._client = await anyio.to_thread.run_sync(self._connected)
                except ValueError:
                    raise no_address() from None  # the address may have a password in it
            return self._client

    def _connected(self) -> "openai.AsyncOpenAI":
        """Made in a thread: importing the SDK takes a third of a second."""
        import httpx2

        parts = urlsplit(self._base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("no address")

        try:
            return openai_client(
                self._base_url,
                self._key.get_secret_value(),
                most_bytes=MOST_BYTES,
                timeout=self._timeout,
                connect_timeout=min(CONNECT, self._timeout),
            )
        except httpx2.InvalidURL as error:
            raise ValueError("no address") from error


def _voiced(samples: Samples) -> tuple[list[Samples], float] | None:
    """The stretches in which somebody speaks, and when that ends in milliseconds; None for silence."""
    audio = levelled(samples)
    if audio is None:
        return None
    spans = speech_spans(audio)
    last_voiced_ms = spans[-1].end * 1000 / RATE if spans else 0.0
    return [audio[window.start : window.end] for window in windows(audio, spans)], last_voiced_ms


def _wav(samples: Samples) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples.clip(-1.0, 1.0), RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _tokens(text: str) -> int:
    """An estimate, on the high side: only the service has the tokenizer."""
    return len(text) // 2 + 1
