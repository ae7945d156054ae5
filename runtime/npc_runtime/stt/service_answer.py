"""The answer of a transcription service: its words, as far as they are to be believed."""

import json
from statistics import fmean
from typing import Any

from npc_runtime.stt.trust import Decoded, Reason, doubt
from npc_runtime.stt.wording import cleaned, looped, unlooped

LETTERS = 40
"""What can be said in no time, and"""
LETTERS_PER_SECOND = 30
"""what the fastest speakers add to it each second; who writes more does not listen."""
_MOST_SEGMENTS = 1000
_MOST = 1000
"""No probability, nor its logarithm, is larger."""


def words(body: bytes, *, seconds: float, prompt: str) -> tuple[str, Reason]:
    """The words of an answer in the form `json` or `verbose_json` of OpenAI's interface.

    Whisper invents words for noise wherever it runs: segments that the service itself was unsure of are left out, if it
    says so; words that come too fast, or only say the prompt again, are not believed.

    Args:
        body: What came.
        seconds: Length of the audio.
        prompt: Names that the service was told to expect.

    Returns:
        The text and, if that is empty, why.

    Raises:
        ValueError: It is no such answer.
    """
    try:
        data = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    text = data.get("text") if isinstance(data, dict) else None
    if not isinstance(text, str):
        raise ValueError("no text in it")
    most = LETTERS + LETTERS_PER_SECOND * seconds
    if len(text) > 4 * most:  # not worth looking at, either
        return "", "unclear"
    decoded, reasons = [], []
    for piece in _pieces(data, text):
        reason = doubt(piece, ours=False)
        if reason:
            reasons.append(reason)
        else:
            decoded.append(piece.text)
    said = cleaned(" ".join(decoded))
    if len(said) > most or (said and _bare(said) == _bare(prompt)):
        return "", "unclear"
    if looped(said):
        said = unlooped(said)
    return said, "" if said else (reasons[0] if reasons else "unclear")


def _pieces(data: dict[str, Any], text: str) -> list[Decoded]:
    segments = data.get("segments")
    if isinstance(segments, list) and segments:
        found = [
            Decoded(
                text=cleaned(str(segment.get("text") or "")),
                logprob=_number(segment.get("avg_logprob"), 0.0),
                no_speech=_number(segment.get("no_speech_prob"), 0.0),
            )
            for segment in segments[:_MOST_SEGMENTS]
            if isinstance(segment, dict)
        ]
        if any(piece.text for piece in found):
            return found
    tokens = data.get("logprobs")
    tokens = tokens if isinstance(tokens, list) else []
    sure = [_number(token.get("logprob"), 0.0) for token in tokens if isinstance(token, dict)]
    return [Decoded(cleaned(text), fmean(sure) if sure else 0.0, 0.0)]


def _number(value: object, otherwise: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
        return otherwise
    return float(value)


def _bare(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
