"""Summaries by extraction: the most telling sentences of a conversation within a budget, without a language model.

A sentence tells much if it is important (see `importance`) and central: if its words come back elsewhere in the
conversation. What says the same again is passed over (maximal marginal relevance, Carbonell and Goldstein 1998). Words
are compared by their first five letters, which is as good as a stemmer for a suffixing language (Can et al. 2008), and
scripts that are written without spaces by pairs of letters, so no language needs a list of anything.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from npc_runtime.character.memory.importance import Importance, weigh
from npc_runtime.content.wording import content_words

MAX_UTTERANCES = 400
"""Of a longer conversation only the last ones are read."""
MAX_CHARACTERS = 2000
"""Of one utterance."""
MAX_SENTENCES = 600
_MAX_NAME = 80
_MISSES = 12
"""Sentences in a row that do not fit, after which the budget is taken for full: counting tokens is not free."""

_CENTRAL = 0.4
"""Weight of centrality beside importance, which counts once."""
_AGAIN = 0.8
"""What is lost by a sentence all of whose words have been said."""
_LEAST = 0.15
"""Worth below which a sentence, such as "Hm.", is left out though there is room."""
_IDLE = 0.05
"""Importance of small talk."""
_STEM = 5
_BREAK = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"'”’»)\]])\s+|(?<=[。！？؟।])|\n")
_DENSE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Letters of scripts that are written without spaces, or in which a few letters are a word."""
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Utterance:
    """What somebody said."""

    who: str
    text: str


@dataclass(frozen=True, slots=True)
class _Sentence:
    utterance: int
    text: str
    terms: frozenset[str]
    importance: Importance


def summarised(
    conversation: Sequence[Utterance], budget: int, language: str, *, count: Callable[[str], int] = len
) -> str:
    """The most telling sentences of a conversation, in the order in which they were said.

    Promises and quests are chosen before anything else.

    Args:
        conversation: Oldest first.
        budget: The most that `count` may say of the result.
        language: ISO 639-1 code of the conversation; where importance has no words for it, centrality decides.
        count: The size of a text, such as its number of tokens; characters by default. It need not be additive.

    Returns:
        Lines of the form `Name: what was said.`; at least the beginning of one, unless the budget holds no word or
        nothing was said.
    """
    names = [" ".join(utterance.who.split())[:_MAX_NAME] for utterance in conversation[-MAX_UTTERANCES:]]
    sentences = _sentences(conversation[-MAX_UTTERANCES:], language)
    central = _centrality(sentences)
    left = set(range(len(sentences)))
    kept: list[int] = []
    said: set[str] = set()
    misses = 0

    def rank(index: int) -> tuple[bool, float, int]:
        sentence = sentences[index]
        spared, worth = sentence.importance.spared, sentence.importance.value + _CENTRAL * central[index]
        again = len(sentence.terms & said) / len(sentence.terms) if sentence.terms else 1.0
        return spared, worth - (0 if spared else _AGAIN * again), index

    while left and misses < _MISSES:
        best = max(left, key=rank)
        left.remove(best)
        if any(sentences[best].text == sentences[index].text for index in kept):
            continue
        if kept and rank(best) < (False, _LEAST, 0):
            break
        if count(_written(names, [sentences[index] for index in sorted([*kept, best])])) > budget:
            misses += 1
            continue
        kept.append(best)
        said |= sentences[best].terms
        misses = 0
    if kept or not sentences:
        return _written(names, [sentences[index] for index in sorted(kept)])
    return _beginning(names, sentences[max(range(len(sentences)), key=rank)], budget, count)


def _sentences(conversation: Sequence[Utterance], language: str) -> list[_Sentence]:
    found = [
        _Sentence(place, text, _terms(text), weigh(text, language))
        for place, utterance in enumerate(conversation)
        for piece in _BREAK.split(utterance.text[:MAX_CHARACTERS])
        if (text := " ".join(piece.split())) and any(character.isalnum() for character in text)
    ]
    return found[-MAX_SENTENCES:]


def _terms(text: str) -> frozenset[str]:
    terms = set(_NUMBER.findall(text))
    for word in content_words(text):
        if _DENSE.search(word):
            terms |= {word[start : start + 2] for start in range(len(word) - 1)}
        else:
            terms.add(word[:_STEM])
    return frozenset(terms)


def _centrality(sentences: Sequence[_Sentence]) -> list[float]:
    """How much of the conversation each sentence is about, 0..1: its terms weighed by how many others share them.

    Divided by the root of their number: neither the longest sentence nor a single word wins by its length. Greetings
    come back in every conversation, and none is about them.
    """
    frequency = Counter(term for sentence in sentences for term in sentence.terms)
    sums = [
        math.fsum(math.log(frequency[term]) for term in sentence.terms) / math.sqrt(len(sentence.terms) + 1)
        if sentence.importance.value > _IDLE
        else 0.0
        for sentence in sentences
    ]
    most = max(sums, default=0.0)
    return [value / most if most else 0.0 for value in sums]


def _written(names: Sequence[str], sentences: Sequence[_Sentence]) -> str:
    """Sentences of one speaker in a row share a line."""
    lines: list[str] = []
    speaker = None
    for sentence in sentences:
        if names[sentence.utterance] == speaker:
            lines[-1] += f" {sentence.text}"
        else:
            speaker = names[sentence.utterance]
            lines.append(f"{speaker}: {sentence.text}")
    return "\n".join(lines)


def _beginning(names: Sequence[str], sentence: _Sentence, budget: int, count: Callable[[str], int]) -> str:
    """As much of a sentence as fits, up to a whole word where the script has words."""
    start = f"{names[sentence.utterance]}: "
    low, high = 0, len(sentence.text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = count(f"{start}{sentence.text[:middle]}…") <= budget
        low, high = (middle, high) if fits else (low, middle - 1)
    cut = sentence.text[:low]
    if " " in cut and sentence.text[low : low + 1].strip():
        cut = cut.rsplit(" ", 1)[0]
    elif " " not in cut and not _DENSE.search(cut):
        return ""
    written = f"{start}{cut}…"
    return written if cut and count(written) <= budget else ""
