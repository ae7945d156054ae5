"""An estimate of how long each symbol lasts, for voices that do not tell: the length of the speech, spread by class."""

from collections.abc import Sequence

from npc_runtime.tts.phone_walk import BEGIN, BLANK, END, PAUSES, PRIMARY, SECONDARY

_VOWELS = frozenset("aeiouyæøœɐɑɒɔəɚɛɜɝɞɨɪɯɵɶʉʊʌʏᵻɤɘ")
_STOPS = frozenset("pbtdkɡgqcɟʔɖʈɢ")
_TAPS = frozenset("ɾjwɥhɦ")
_LONG = frozenset("ːˑ")


def _weight(symbol: str) -> float:
    if symbol in _VOWELS:
        return 1.2
    if symbol in _LONG:
        return 0.6
    if symbol in _STOPS:
        return 0.8
    if symbol in _TAPS:
        return 0.5
    if symbol in PAUSES:
        return 3.0
    if symbol in (PRIMARY, SECONDARY, " ") or not symbol.isalpha():
        return 0.2
    return 0.9


def spread(symbols: Sequence[str], total: int, *, lead: int, tail: int) -> list[int]:
    """Samples per symbol; they add up to `total`, exactly.

    The weights are in the proportion of mean phone lengths in read English (vowels longest, then fricatives and
    nasals, then stops, then glides and taps); they are a guess, which is why such a clip says `estimated`.

    Args:
        symbols: As for `phone_walk.walk`.
        total: Length of the audio in samples.
        lead: Silent samples at its start.
        tail: Silent samples at its end.
    """
    if not symbols:
        return []
    last = max((at for at, symbol in enumerate(symbols) if symbol not in PAUSES and symbol != BLANK), default=-1)
    spoken = [at for at, s in enumerate(symbols) if at <= last and s not in (BLANK, BEGIN, END)]
    counts = [0] * len(symbols)
    if not spoken:
        counts[-1] = total
        return counts
    lead = min(max(lead, 0), total)
    tail = min(max(tail, 0), total - lead)
    weights = [_weight(symbols[at]) for at in spoken]
    whole, done, reached = sum(weights), 0.0, 0
    for at, weight in zip(spoken, weights, strict=True):
        done += weight
        edge = round((total - lead - tail) * min(done / whole, 1.0))
        counts[at] = edge - reached
        reached = edge
    counts[spoken[-1]] += total - lead - tail - reached
    counts[0] += lead
    counts[-1] += tail
    return counts
