"""Fact keys: words and phrases that bring a fact to mind for certain, as the keys of a lorebook entry do."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from npc_runtime.character.boundary import Terms, tokens_of
from npc_runtime.character.words import is_wide
from npc_runtime.content.knowledge import Fact


class FactKeys:
    """The keys of facts, ready to be looked for.

    A key is said where all its words follow one another, each with an ending of its language at most. In scripts
    without blanks between words it may be anywhere.

    Args:
        facts: The facts.
        language: ISO 639-1 code.
    """

    def __init__(self, facts: Sequence[Fact], language: str) -> None:
        self._language = language
        self._facts: dict[str, set[int]] = defaultdict(set)
        for number, fact in enumerate(facts):
            for key in fact.keys:
                # only the words: the signs that entries of word lists may have mean nothing here
                if words := " ".join(token.folded for token in tokens_of(key, language)):
                    self._facts[words].add(number)
        self._terms = Terms(self._facts, language)
        self._wide = [key for key in self._facts if is_wide(key)]

    def said_in(self, line: str) -> Mapping[int, frozenset[str]]:
        """The facts of which a key is said in a line.

        Returns:
            By number, each with the folded words of the line that say it.
        """
        if not self._facts:
            return {}
        tokens = tokens_of(line, self._language)
        bare = [replace(token, folded=token.folded.split("'")[0]) for token in tokens]
        said: dict[str, set[str]] = defaultdict(set)
        for hit in self._terms.hits(tokens):
            said[hit.entry].update(token.folded for token in bare[hit.first : hit.last + 1])
        for key in self._wide:
            said[key].update(token.folded for token in bare if key in token.folded)
        found: dict[int, frozenset[str]] = {}
        for key, words in said.items():
            for number in self._facts[key] if words else ():
                found[number] = found.get(number, frozenset()) | words
        return found
