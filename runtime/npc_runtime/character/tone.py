"""Tone: what kinds of things the player's words do to the listener, found by rules, without a language model.

Time grows with the number of words, which is bounded: at each word only the rules that may begin with it are tried, and
each of those looks at a dozen words at most.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from npc_runtime.character.tone_rules import WEIGHT, Element, Person, Rule, RuleIndex, Rules, rules_of
from npc_runtime.character.tone_words import Sentence, read

_NEGATED: Mapping[str, str] = {
    "insult": "praise",
    "complaint": "praise",
    "boredom": "praise",
    "praise": "complaint",
    "thanks": "refusal",
    "gift": "refusal",
    "affection": "insult",
    "apology": "complaint",
    "threat": "promise",
    "cruelty": "promise",
    "danger": "promise",
    "bad_news": "good_news",
    "good_news": "bad_news",
    "agreement": "disagreement",
    "disagreement": "agreement",
}
"""What a kind becomes when it is negated; any other comes to nothing."""
_WEAKER_NEGATED = 0.7
_NEWS = ("bad_news", "good_news", "danger", "confession")
_HELD_OPEN = frozenset(
    [*_NEWS, "promise", "agreement", "disagreement", "gift", "praise", "complaint", "refusal", "farewell"]
)
"""Kinds that say little as long as they are asked for or only supposed."""
_OPEN_SHARE = 0.3
_NEAR = 3
"""Words between a negator or an adverb of degree and what it belongs to."""
_FAR = 12
"""Words within which it is looked for of whom something is said."""
_CALL, _VOCATIVE = 2, 4
"""A clause of so many words that names nobody is said to the listener: always, and if nobody is named soon after it."""
_STRONGER, _WEAKER, _SHOUTED, _EXCLAIMED = 0.3, -0.35, 0.25, 0.1


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that the words do."""

    kind: str
    weight: float
    """How sure it is, 0..1."""
    force: float
    """How strongly it is put, around 1."""


def tone(text: str, language: str) -> tuple[Heard, ...]:
    """What the words do, each kind once, in the order in which it first comes.

    Args:
        text: The player's words.
        language: ISO 639-1 code; in a language without rules only punctuation and picture signs count.
    """
    rules = rules_of(language)
    utterance = read(text, language, expand=rules.expand, links=rules.links)
    if utterance.plain:
        rules = rules_of(language, plain=True)
    best: dict[str, Heard] = {}
    for sentence in utterance.sentences:
        for heard in _Reader(sentence, rules).heard(_SHOUTED if utterance.shouted else 0.0):
            known = best.get(heard.kind)
            if known is None or heard.weight * heard.force > known.weight * known.force:
                best[heard.kind] = heard
    return tuple(best.values())


class _Reader:
    """Reads one sentence."""

    def __init__(self, sentence: Sentence, rules: Rules) -> None:
        self._words = sentence.words
        self._rules = rules
        self._exclaimed = sentence.exclaimed
        tags = tuple(self._spans(rules.tags))
        self._tagged = frozenset(place for start, end in tags for place in range(start, end))
        # "You have seen it, right?" asks for nothing but assent.
        self._asked = sentence.asked and all(end < len(self._words) or not start for start, end in tags)
        self._idioms = tuple(self._spans(rules.idioms))

    def heard(self, louder: float) -> Iterator[Heard]:
        """What the sentence does, in the order of its words."""
        found = [
            (start, end, rule)
            for start, word in enumerate(self._words)
            for rule in self._rules.meanings.opening_with(word.text)
            if (end := rule.match(self._words, start)) is not None and not self._in_idiom(start, end)
        ]
        questions = [start for start, _, rule in found if rule.kind == "question"]
        if self._asked:
            yield Heard("question", 1.0, 1.0)
        for start, end, rule in found:
            kind, weight = rule.kind, WEIGHT[rule.group]
            if not self._meant(rule, start, end):
                continue
            if rule.group != "fixed" and self._negated(rule, start, end):
                if kind not in _NEGATED:
                    continue
                kind, weight = _NEGATED[kind], weight * _WEAKER_NEGATED
            asked = self._asked or any(not start <= place < end for place in questions)
            if kind in _HELD_OPEN and (asked or self._supposed(start)):
                weight *= _OPEN_SHARE
            yield Heard(kind, weight, 1.0 + louder + _EXCLAIMED * self._exclaimed + self._degree(start, end))

    def _meant(self, rule: Rule, start: int, end: int) -> bool:
        if rule.group == "at_you":
            return self._subject(start, end) == "second"
        if rule.group == "of_you":
            return self._subject(start, end, called=False) == "second"
        if rule.group == "about_yours":
            return self._subject(start, end) not in ("first", "third")
        return True

    def _subject(self, start: int, end: int, *, called: bool = True) -> Person | None:
        """Of whom the words are said: the nearest person before them in their clause, else after them, else beyond.

        Args:
            start: The first word's place.
            end: The place after the last.
            called: Whether a short clause that names nobody is taken for what the listener is called.
        """
        around = range(max(0, start - _FAR), min(len(self._words), end + _FAR))
        clause = [place for place in around if self._words[place].clause == self._words[start].clause]
        for places in (range(end - 1, clause[0] - 1, -1), range(end, clause[-1] + 1)):
            if person := self._first_person(places):
                return person
        beyond = range(end, min(len(self._words), end + _NEAR))
        if called and (len(clause) <= _CALL or (len(clause) <= _VOCATIVE and not self._first_person(beyond))):
            return "second"
        before = range(start - 1, max(-1, start - _FAR), -1)
        return self._first_person(before) or self._first_person(range(end, min(len(self._words), end + _FAR)))

    def _first_person(self, places: range) -> Person | None:
        found = (self._person(place) for place in places)
        return next((person for person in found if person), None)

    def _person(self, place: int) -> Person | None:
        word = self._words[place]
        if word.text == "sie":  # German: formal "you", "she" or "they"
            after = self._words[place + 1].text if place + 1 < len(self._words) else ""
            return "third" if self._rules.persons["copula"].fits(after) and not word.capital else "second"
        found = next((person for person, element in self._rules.persons.items() if element.fits(word.text)), None)
        return None if found == "nobody" else found

    def _negated(self, rule: Rule, start: int, end: int) -> bool:
        """Whether an odd number of negators is near or in the gaps.

        One before the words does not count if "you" stands between them.
        """
        first = max(0, start - _NEAR)
        second = self._rules.persons["second"]
        parted = [place for place in range(first, start) if second.fits(self._words[place].text)]
        before = self._near(range(parted[-1] if parted else first, start), start, self._rules.negators)
        after = self._near(range(end, min(len(self._words), end + _NEAR)), start, self._rules.negators_after)
        skipped = [place for place in range(start, end) if not rule.names(self._words[place].text)]
        inside = self._near(skipped, start, self._rules.negators)
        return (before + inside + after) % 2 == 1

    def _supposed(self, start: int) -> bool:
        return self._near(range(max(0, start - _FAR), start), start, self._rules.conditions) > 0

    def _degree(self, start: int, end: int) -> float:
        places = range(max(0, start - _NEAR), end)
        stronger = self._near(places, start, self._rules.stronger) > 0
        weaker = self._near(places, start, self._rules.weaker) > 0
        return _STRONGER * stronger + _WEAKER * weaker

    def _near(self, places: Sequence[int], at: int, wanted: Element) -> int:
        """How many of some words are wanted ones and belong to the clause of another."""
        clause = self._words[at].clause
        return sum(
            self._words[place].clause == clause and place not in self._tagged and wanted.fits(self._words[place].text)
            for place in places
        )

    def _in_idiom(self, start: int, end: int) -> bool:
        return any(first <= start and end <= last and end - start < last - first for first, last in self._idioms)

    def _spans(self, phrases: RuleIndex) -> Iterator[tuple[int, int]]:
        for start, word in enumerate(self._words):
            for phrase in phrases.opening_with(word.text):
                if (end := phrase.match(self._words, start)) is not None:
                    yield start, end
