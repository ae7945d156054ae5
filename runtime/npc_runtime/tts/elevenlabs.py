"""ElevenLabs, through its own SDK: sound, and when each character of the text is spoken.

The words begin and end when the service says so; the phones inside a word are espeak's, spread over its time. That is
why such a clip says `estimated`, as do those of other services, though it is nearer to the truth.
"""

import base64
import binascii
import functools
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import anyio
import numpy as np

from npc_runtime.errors import MissingPackageError
from npc_runtime.service_http import TooMuchError, bounded_client
from npc_runtime.speech import Clip, Samples
from npc_runtime.tts import online_clip
from npc_runtime.tts.mouths import Manner
from npc_runtime.tts.online_clip import RATE, Word
from npc_runtime.tts.service_failure import TOO_MUCH, broken, of_status, silent, unreachable
from npc_runtime.tts.sound_bytes import MAX_BYTES
from npc_runtime.tts.speakable import speakable
from npc_runtime.tts.voice_choice import VoiceChoice

DEFAULT_MODEL = "eleven_flash_v2_5"
DEFAULT_VOICE = "JBFqnCBsd6RMkjVDRZzb"
"""George, the voice of the service's own first example."""

_SERVICE = "ElevenLabs"
_SLOWEST, _FASTEST = 0.7, 1.2
_LONGEST_TEXT = 5000
_LATE_S = 0.5
"""How far beyond the sound the time of a character may lie."""
_SECONDS_EACH = 0.03
"""More patience for each character: the whole clause is waited for."""


class ElevenLabsSpeech:
    """The service.

    Args:
        api_key: Its key.
        model: Its name of a model; empty for the default.
        base_url: Its address; empty for the usual one.
        timeout: Seconds that a short clause may take.
    """

    def __init__(self, api_key: str, *, model: str = "", base_url: str = "", timeout: float = 6.0) -> None:
        self._key = api_key
        self._model = model or DEFAULT_MODEL
        self._base_url = base_url
        self._timeout = timeout
        self._client: Any = None
        self._http: Any = None
        self._gains: dict[str, float] = {}

    async def start(self) -> None:
        """Import the SDK, which takes a while, in a thread.

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
        answer = await self._answer(words, choice, manner)
        return await anyio.to_thread.run_sync(functools.partial(self._clip, answer, words, choice, manner))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    def _connect(self) -> Any:
        try:
            import httpx
            from elevenlabs.client import AsyncElevenLabs
        except ImportError as error:
            raise MissingPackageError(
                f"ElevenLabs needs its SDK, which is not usable: {error}.", hint="run `pip install elevenlabs`"
            ) from error

        # The sound comes in base64; the SDK reads it whole.
        self._http = bounded_client(httpx, self._base_url, most_bytes=2 * MAX_BYTES)
        return AsyncElevenLabs(api_key=self._key, base_url=self._base_url or None, httpx_client=self._http)

    async def _answer(self, words: str, choice: VoiceChoice, manner: Manner) -> Any:
        import httpx
        from elevenlabs.core.api_error import ApiError
        from elevenlabs.types.voice_settings import VoiceSettings

        options: dict[str, Any] = {}
        speed = manner.pace * (manner.colour.rate if manner.colour else 1.0)
        if abs(speed - 1) >= 0.01:
            options["voice_settings"] = VoiceSettings(speed=round(min(max(speed, _SLOWEST), _FASTEST), 2))
        if self._model.endswith(("v2_5", "v3")):  # older models refuse a language
            options["language_code"] = choice.language
        try:
            with anyio.fail_after(self._timeout + _SECONDS_EACH * len(words)):
                return await self._client.text_to_speech.convert_with_timestamps(
                    choice.name or DEFAULT_VOICE,
                    text=words,
                    model_id=self._model,
                    output_format=f"pcm_{RATE}",
                    request_options={"max_retries": 0},
                    **options,
                )
        except ApiError as error:
            status = error.status_code or 0
            if 200 <= status < 300:
                raise broken(_SERVICE, "something instead of sound") from None
            raise of_status(_SERVICE, status, error.headers) from None
        except (TimeoutError, httpx.TimeoutException):
            raise silent(_SERVICE) from None
        except TooMuchError:
            raise broken(_SERVICE, TOO_MUCH) from None
        except (httpx.DecodingError, httpx.RemoteProtocolError, httpx.ReadError):
            raise broken(_SERVICE, "an answer that breaks off") from None
        except httpx.TransportError:
            raise unreachable(_SERVICE) from None
        except (ValueError, TypeError, AttributeError):  # JSON that is none, or not of the documented form
            raise broken(_SERVICE, "something instead of sound") from None

    def _clip(self, answer: Any, words: str, choice: VoiceChoice, manner: Manner) -> Clip:
        try:
            audio = _audio(answer)
            if choice.name not in self._gains:
                self._gains[choice.name] = online_clip.gain_of(audio)
            known = words_of(getattr(answer, "alignment", None), len(audio))
            return online_clip.clip(audio, words, choice.language, self._gains[choice.name], manner, known)
        except ValueError as error:
            raise broken(_SERVICE, str(error)) from None


def words_of(alignment: Any, total: int) -> list[Word]:
    """The words of an alignment with their times.

    Args:
        alignment: `characters`, `character_start_times_seconds` and `character_end_times_seconds`, of equal lengths.
        total: Length of the sound in samples.

    Returns:
        Words in order; empty if the times make no sense: they are missing, not numbers, go back, or lie beyond the end.
    """
    characters: Any = getattr(alignment, "characters", None)
    starts: Any = getattr(alignment, "character_start_times_seconds", None)
    ends: Any = getattr(alignment, "character_end_times_seconds", None)
    if not (isinstance(characters, list) and _times(starts, len(characters), total)):
        return []
    if not _times(ends, len(characters), total) or any(end < start for start, end in zip(starts, ends, strict=True)):
        return []
    words: list[Word] = []
    letters, begin, finish = "", 0, 0
    for character, start, end in [*zip(characters, starts, ends, strict=True), (" ", 0.0, 0.0)]:
        if str(character).strip():
            if not letters:
                begin = round(start * RATE)
            letters += str(character)
            finish = round(end * RATE)
        elif letters:
            if any(letter.isalnum() for letter in letters):
                words.append(Word(letters, min(begin, total), min(finish, total)))
            letters = ""
    return words


def _times(times: Any, count: int, total: int) -> bool:
    if not isinstance(times, Sequence) or isinstance(times, str) or len(times) != count or not count:
        return False
    if not all(isinstance(time, int | float) and math.isfinite(time) for time in times):
        return False
    latest = total / RATE + _LATE_S
    return times[0] >= 0 and times[-1] <= latest and all(one <= next_one for one, next_one in pairwise(times))


def _audio(answer: Any) -> Samples:
    encoded = getattr(answer, "audio_base_64", None)
    if not isinstance(encoded, str):
        raise ValueError("something instead of sound")
    try:
        content = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError("sound that breaks off") from error
    return np.frombuffer(content[: len(content) // 2 * 2], "<i2").astype(np.float32) * np.float32(1 / 32768)
