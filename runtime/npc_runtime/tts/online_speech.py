"""OpenAI-compatible speech services: a clause goes there as text and comes back as sound.

Sound is asked for as WAV, which says its own rate; what comes instead is understood as far as it can be.
"""

import functools
from typing import Any

import anyio

from npc_runtime.errors import MissingPackageError
from npc_runtime.service_http import TooMuchError, openai_client
from npc_runtime.speech import Clip, Samples
from npc_runtime.tts import online_clip
from npc_runtime.tts.mouths import Manner
from npc_runtime.tts.service_failure import TOO_MUCH, broken, of_status, silent, unreachable
from npc_runtime.tts.sound_bytes import MAX_BYTES, decode
from npc_runtime.tts.speakable import speakable
from npc_runtime.tts.voice_choice import VoiceChoice

DEFAULT_MODEL = "gpt-4o-mini-tts"
DEFAULT_VOICE = "alloy"

_SLOWEST, _FASTEST = 0.25, 4.0
_LONGEST_TEXT = 4096
"""Characters, as the reference has it."""
_NOTABLE = 0.04
"""From this much on a feeling is put into words for services that follow instructions."""


class OnlineSpeech:
    """A service that follows the OpenAI reference, online or on this machine.

    Args:
        base_url: Its address, up to `/v1`.
        api_key: Its key; empty for servers that want none.
        model: Its name of a model; empty for the default.
        timeout: Seconds that it may take to send its first sound, and then between two pieces of it.
        service: What messages call it.
    """

    def __init__(
        self, base_url: str, api_key: str, *, model: str = "", timeout: float = 6.0, service: str = ""
    ) -> None:
        self._base_url = base_url
        self._key = api_key
        self._model = model or DEFAULT_MODEL
        self._timeout = timeout
        self._service = service or "The speech service"
        self._client: Any = None
        self._gains: dict[str, float] = {}

    async def start(self) -> None:
        """Import the library, which takes a while, in a thread.

        Raises:
            MissingPackageError: It is not installed.
        """
        if self._client is None:
            self._client = await anyio.to_thread.run_sync(self._connect)

    async def speak(self, text: str, choice: VoiceChoice, manner: Manner) -> Clip:
        """Speak a clause; see `SpeechService.speak`."""
        words = speakable(text, choice.language)[:_LONGEST_TEXT]
        if not words:
            return online_clip.empty(choice.language)
        await self.start()
        content, media_type = await self._sound(words, choice, manner)
        return await anyio.to_thread.run_sync(functools.partial(self._clip, content, media_type, words, choice, manner))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    def _connect(self) -> Any:
        try:
            return openai_client(self._base_url, self._key, most_bytes=MAX_BYTES, timeout=self._timeout)
        except ImportError as error:
            raise MissingPackageError(
                f"Speech services need a package that is not usable: {error}.", hint="run `pip install openai`"
            ) from error

    async def _sound(self, words: str, choice: VoiceChoice, manner: Manner) -> tuple[bytes, str]:
        import httpx2
        import openai

        content = bytearray()
        try:
            with anyio.fail_after(self._timeout) as patience:
                async with self._client.audio.speech.with_streaming_response.create(
                    input=words,
                    model=self._model,
                    voice=choice.name or DEFAULT_VOICE,
                    response_format="wav",
                    **self._options(choice, manner),
                ) as response:
                    async for piece in response.iter_bytes():
                        content += piece
                        patience.deadline = anyio.current_time() + self._timeout
                    return bytes(content), response.headers.get("content-type", "")
        except openai.APIStatusError as error:
            raise of_status(self._service, error.status_code, error.response.headers) from None
        except TimeoutError:
            raise silent(self._service) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__
            if isinstance(cause, TooMuchError):
                raise broken(self._service, TOO_MUCH) from None
            late = isinstance(error, openai.APITimeoutError) and not isinstance(cause, httpx2.ConnectTimeout)
            raise (silent if late else unreachable)(self._service) from None
        except TooMuchError:
            raise broken(self._service, TOO_MUCH) from None
        except (openai.OpenAIError, httpx2.HTTPError):
            raise broken(self._service, "sound that breaks off" if content else "nothing that can be read") from None

    def _options(self, choice: VoiceChoice, manner: Manner) -> dict[str, Any]:
        """What is sent only where it is needed: some servers refuse what they do not know."""
        options: dict[str, Any] = {}
        rate = manner.colour.rate if manner.colour else 1.0
        speed = min(max(manner.pace * rate, _SLOWEST), _FASTEST)
        if abs(speed - 1) >= 0.01:
            options["speed"] = round(speed, 2)
        if self._model.startswith("gpt-") and (spoken := _instructions(choice, manner)):
            options["instructions"] = spoken
        return options

    def _clip(self, content: bytes, media_type: str, words: str, choice: VoiceChoice, manner: Manner) -> Clip:
        try:
            audio = online_clip.at_rate(*decode(content, media_type))
            return online_clip.clip(audio, words, choice.language, self._gain(choice.name, audio), manner)
        except ValueError as error:
            raise broken(self._service, str(error)) from None

    def _gain(self, name: str, audio: Samples) -> float:
        """One gain for all clauses of a voice, so that none is louder for being short."""
        if name not in self._gains:
            self._gains[name] = online_clip.gain_of(audio)
        return self._gains[name]


def _instructions(choice: VoiceChoice, manner: Manner) -> str:
    colour = manner.colour
    words = [] if choice.language == "en" else [f"Speak the language {choice.language}."]
    if colour is not None:
        for value, more, less in (
            (colour.rate, "quickly", "slowly"),
            (colour.volume, "forcefully", "softly"),
            (colour.variability, "in a lively tone", "in a flat tone"),
        ):
            if abs(value - 1) >= _NOTABLE:
                words.append(f"Speak {more if value > 1 else less}.")
    return " ".join(words)
