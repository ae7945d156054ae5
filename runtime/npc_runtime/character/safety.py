"""Safety: topics that a character keeps away from, in the player's words and in its own, found without any model.

The words are in `assets/text/topics.json`, written as `boundary` describes; `> softer` behind an entry is what a
character says instead of it. Each topic has strong and light words: mild control is about the strong ones, strict
control about both. Words are also found when they are disguised: with digits and signs for letters (`sh1t`, `$hit`),
letters hidden (`sh*t`), repeated (`shiiit`), or apart (`s h i t`, `sh it`).
"""

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, get_args

from npc_runtime.character.boundary import Terms, Token, first_name, tokens_of
from npc_runtime.character.refusals import RefusalKind
from npc_runtime.content.character import Control, Safety
from npc_runtime.resources import bundled

Topic = Literal["self_harm", "hate", "adult_topics", "violence", "profanity"]
"""What is more serious comes first."""
TOPICS: tuple[Topic, ...] = get_args(Topic)
Severity = Literal["strong", "light"]
Levels = Mapping[Topic, Control]
"""How hard each topic is controlled."""
DISTRESS = "player_distress"
"""Code of the notice for a player who may want to hurt themselves: the game can show where there is help."""

_MOST_CHARS = 4000
_ADULT_AGE = 18
_AGE = re.compile(r"(?<!\d)(\d{1,2})[\s-]{0,2}(?:years?|yrs?|jahre?n?|jährig\w*|yaş\w*)", re.IGNORECASE)
_CHUNK = re.compile(r"[^\s.,;:?]+")
_SIGN = re.compile(r"[0-9@$!+|*#]")
_LEET = str.maketrans("013457@$!+|", "oieastasitl")
_HIDDEN = re.compile(r"(?<=[^\W\d_])[*#]+(?=[^\W\d_])")
_HIDDEN_LETTERS = ("a", "e", "i", "o", "u", "m", "uc")
"""What signs may stand for, over and over: vowels, the middle of `amk`, and that of `f**k`."""
_RUN = re.compile(r"(.)\1{2,}")
_SPELLED = 3
"""Single letters in a row that are one word spelled out."""
_PIECE, _LEAST = 3, 4
"""Letters that the pieces of a word pulled apart have at most, and the whole word at least."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Words of a topic."""

    topic: Topic
    severity: Severity
    term: str
    """As they are written."""
    start: int
    """Place in the text."""
    end: int
    softer: str = ""
    """What can be said instead; empty if there is nothing."""


@dataclass(frozen=True, slots=True)
class Concern:
    """Why words are not taken or said as they are."""

    topic: Topic | Literal["minors"]
    term: str
    """The words meant."""
    kind: RefusalKind
    """Which line of `refusals` is said instead."""

    @property
    def notice(self) -> str:
        """Code of the notice for the game."""
        return DISTRESS if self.kind == "self_harm" else f"safety_{self.topic}"


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause of a reply after the check."""

    text: str
    """What to say; empty when the line of `concern` takes its place, and the rest of the reply is dropped."""
    concern: Concern | None = None
    """Why it was changed; None if it was not."""


def levels_of(safety: Safety) -> Levels:
    """The levels that a character file asks for."""
    return {topic: getattr(safety, topic) for topic in TOPICS}


def check_line(text: str, levels: Levels, language: str) -> Concern | None:
    """Whether the character must not take up what the player says.

    Under mild control words that have a softer form may be said to the character; it will not say them itself.

    Args:
        text: The player's words.
        levels: From `levels_of`.
        language: ISO 639-1 code; for other languages than the three nothing is found.

    Returns:
        The most serious reason; None if there is none.
    """
    found = findings(text, language)
    if child := _minors(text, found, language):
        return child
    for finding in found:
        level = levels[finding.topic]
        if level == "strict" or (level == "mild" and finding.severity == "strong" and not finding.softer):
            return Concern(finding.topic, finding.term, finding.topic)
    return None


def check_clause(text: str, levels: Levels, language: str) -> Clause:
    """What of a clause may be said.

    Args:
        text: A clause of the character's reply, before it is spoken.
        levels: From `levels_of`.
        language: ISO 639-1 code; for other languages than the three nothing is found.
    """
    found = findings(text, language)
    if child := _minors(text, found, language):
        return Clause("", child)
    meant = [finding for finding in found if _controlled(finding, levels[finding.topic])]
    if not meant:
        return Clause(text)
    for finding in meant:
        if levels[finding.topic] == "strict" or not finding.softer:
            # a character that speaks of hurting itself is no player in need
            kind = "violence" if finding.topic == "self_harm" else finding.topic
            return Clause("", Concern(finding.topic, finding.term, kind))
    return Clause(_softened(text, meant), Concern(meant[0].topic, meant[0].term, meant[0].topic))


def findings(text: str, language: str) -> tuple[Finding, ...]:
    """All words of any topic, the most serious topic first, strong words before light ones.

    Args:
        text: Any text; of a very long one the beginning counts.
        language: ISO 639-1 code.
    """
    text, language = text[:_MOST_CHARS], language.split("-")[0]
    terms, rules = _lists(language)
    found: dict[tuple[Topic, int, int], Finding] = {}
    for tokens in _readings(text, language):
        for hit in terms.hits(tokens):
            start, end = tokens[hit.first].start, tokens[hit.last].end
            for topic, severity, softer in rules[hit.entry]:
                finding = Finding(topic, severity, text[start:end], start, end, softer)
                known = found.setdefault((topic, start, end), finding)
                if severity == "strong" != known.severity:
                    found[topic, start, end] = finding
    return tuple(sorted(found.values(), key=lambda one: (TOPICS.index(one.topic), one.severity != "strong", one.start)))


def _controlled(finding: Finding, level: Control) -> bool:
    return level == "strict" or (level == "mild" and finding.severity == "strong")


def _minors(text: str, found: Sequence[Finding], language: str) -> Concern | None:
    """Adult topics and minors in one text are refused whatever the levels."""
    adult = next((finding for finding in found if finding.topic == "adult_topics"), None)
    if adult is None:
        return None
    young = any(int(age.group(1)) < _ADULT_AGE for age in _AGE.finditer(text[:_MOST_CHARS]))
    language = language.split("-")[0]
    if young or next(_young(language).hits(tokens_of(text, language)), None) is not None:
        return Concern("minors", adult.term, "never")
    return None


def _softened(text: str, meant: Sequence[Finding]) -> str:
    kept = len(text)
    for finding in sorted(meant, key=lambda one: (-one.end, one.start)):
        if finding.end <= kept:
            softer = finding.softer
            if finding.term[0].isupper() and (len(finding.term) == 1 or not finding.term.isupper()):
                softer = softer[0].upper() + softer[1:]
            text = text[: finding.start] + softer + text[finding.end :]
            kept = finding.start
    return text


def _readings(text: str, language: str) -> Iterator[list[Token]]:
    """The words of a text as they are, and as they may be meant."""
    tokens = tokens_of(text, language)
    yield tokens
    if _SIGN.search(text):
        plain = _CHUNK.sub(lambda found: _unmasked(found.group()), text)
        for letters in _HIDDEN_LETTERS if _HIDDEN.search(plain) else ("",):
            yield tokens_of(_filled(plain, letters), language)
    if any(_RUN.search(token.folded) for token in tokens):
        for run in (r"\1", r"\1\1"):
            yield [replace(t, exact=_RUN.sub(run, t.exact), folded=_RUN.sub(run, t.folded)) for t in tokens]
    for token in (*_spelled_out(tokens), *_pulled_apart(tokens)):
        yield [token]


def _unmasked(word: str) -> str:
    """Letters for the digits and signs of a word that has letters, too; what closes a sentence stays."""
    body = word.rstrip("!|+")
    return body.translate(_LEET) + word[len(body) :] if any(letter.isalpha() for letter in body) else word


def _filled(text: str, letters: str) -> str:
    """A text of the same length with letters in the place of signs that hide them."""
    return _HIDDEN.sub(lambda found: "".join(itertools.islice(itertools.cycle(letters), len(found.group()))), text)


def _spelled_out(tokens: Sequence[Token]) -> Iterator[Token]:
    for single, group in itertools.groupby(tokens, key=lambda token: len(token.exact) == 1):
        letters = list(group)
        if single and len(letters) >= _SPELLED:
            yield _joined(letters)


def _pulled_apart(tokens: Sequence[Token]) -> Iterator[Token]:
    for pair in itertools.pairwise(tokens):
        sizes = [len(token.exact) for token in pair]
        if min(sizes) > 1 and max(sizes) <= _PIECE and sum(sizes) >= _LEAST:
            yield _joined(pair)


def _joined(tokens: Sequence[Token]) -> Token:
    exact, folded = ("".join(token.exact for token in tokens), "".join(token.folded for token in tokens))
    return Token(exact, folded, tokens[0].start, tokens[-1].end)


_Rule = tuple[Topic, Severity, str]


@cache
def _lists(language: str) -> tuple[Terms, Mapping[str, Sequence[_Rule]]]:
    table = _table()
    entries = []
    rules: dict[str, list[_Rule]] = defaultdict(list)
    severities: tuple[Severity, ...] = get_args(Severity)
    for topic in TOPICS:
        for severity in severities:
            for line in table[topic][severity].get(language, ()):
                entry, _, softer = line.partition(" > ")
                entries.append(entry)
                rules[first_name(entry)].append((topic, severity, softer))
    return Terms(entries, language), rules


@cache
def _young(language: str) -> Terms:
    return Terms(_table()["minors"].get(language, ()), language)


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(bundled("assets", "text", "topics.json").read_text(encoding="utf-8"))
    return table
