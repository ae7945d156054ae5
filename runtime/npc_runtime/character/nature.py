"""Nature: what follows from a character's files and does not change while it lives, made ready when it is first met."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import anyio

from npc_runtime.character.appraisal import assess
from npc_runtime.character.boundary import World, judge, world_of
from npc_runtime.character.goals import Goals
from npc_runtime.character.intent_words import name_words
from npc_runtime.character.intents import examples_of
from npc_runtime.character.knowledge import Awareness, Knowledge, Shelf
from npc_runtime.character.memory.embedder import Embedder, Vectors
from npc_runtime.character.memory.lending import Known, Lender
from npc_runtime.character.orders import Orders, Reduce
from npc_runtime.character.safety import Levels, check_line, levels_of
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.knowledge import KnowledgeFile
from npc_runtime.content.library import Library
from npc_runtime.lane import BACKGROUND

_PORTION = 8
"""Texts that are embedded at once: what a player waits for comes between."""
_REST_S = 0.25
"""Between two portions, and before looking for more to do: the cores belong to the game and to the voices."""


@dataclass(frozen=True, slots=True)
class Nature:
    """One character, ready to be asked."""

    character: CharacterFile
    goals: Goals
    knowledge: Knowledge
    world: World
    levels: Levels
    names: frozenset[str]
    """Words of names that say nothing about what the player means."""
    by_meaning: bool = False
    """Whether nearness of meaning counts beside the words, where what is said comes with its vector."""

    def known_tags(self, awareness: Awareness) -> frozenset[str]:
        """Tags of the facts that the character knows by now, in small letters."""
        return frozenset(
            tag.casefold()
            for shelf in self.knowledge.shelves
            for fact in shelf.facts
            if fact.tags and self.knowledge.knows(fact, awareness)
            for tag in fact.tags
        )


@dataclass(slots=True)
class Natures:
    """The natures of the characters of one library; each is made once, packs are indexed once for all.

    Args:
        library: The characters; another library forgets what was made.
        reduce: Takes the values of an action's arguments out of a line; without it an order is known only by words that
            are like its examples.
    """

    library: Library
    reduce: Reduce | None = None
    _made: dict[str, Nature] = field(default_factory=dict)
    _warm: set[str] = field(default_factory=set)
    """Ids of those who are ready."""
    _learning: set[str] = field(default_factory=set)
    """Ids of those who are given their vectors now: several worlds lend an embedder."""
    _shelves: dict[tuple[int, str], tuple[KnowledgeFile, Shelf]] = field(default_factory=dict)
    """By identity of the pack, which is kept alive beside its shelf, and language."""

    def of(self, character: CharacterFile) -> Nature:
        """The nature of a character of the library."""
        made = self._made.get(character.id)
        if made is None or made.character is not character:
            made = self._made[character.id] = self._make(character)
        return made

    def warm(self, character: CharacterFile) -> bool:
        """Make a character ready as far as its first turn would wait for it; takes a tenth of a second, once.

        Returns:
            Whether there was anything to do.
        """
        nature = self.of(character)
        if character.id in self._warm:
            return False
        self._warm.add(character.id)
        text = f"{character.name}?"
        assess(text, character.language, character.persona.traits)
        check_line(text, nature.levels, character.language)
        judge(text, nature.world, character.knowledge.filter)
        return True

    async def learn(self, lender: Lender) -> None:
        """Give the characters that were made ready the vectors of what their files say, until cancelled.

        Nobody waits for it: until it is done, and for good without an embedder, the words alone count.

        Args:
            lender: Has the embedder, such as a `Chronicle`.
        """
        while True:
            due = [nature for nature in self._made.values() if not nature.by_meaning]
            if due and await lender.meaning(lambda embedder: embedder.name, rank=BACKGROUND) is not None:
                for nature in due:
                    if nature.character.id not in self._learning:
                        self._learning.add(nature.character.id)
                        try:
                            await self._give_vectors(nature, lender)
                        finally:
                            self._learning.discard(nature.character.id)
            await anyio.sleep(_REST_S)

    def replace(self, library: Library) -> None:
        """Go on with another library, such as the same one edited."""
        self.library = library
        self._made.clear()
        self._warm.clear()
        self._shelves.clear()

    async def _give_vectors(self, nature: Nature, lender: Lender) -> None:
        character, shelves = nature.character, nature.knowledge.shelves
        wanted = [(line, True) for _, line in examples_of([goal.when.intent for goal in character.goals])]
        wanted += [(fact.text, False) for shelf in shelves if shelf.vectors is None for fact in shelf.facts]
        texts = list(dict.fromkeys(wanted))
        space, vectors = ("", 0), dict[tuple[str, bool], Vectors]()
        for start in range(0, len(texts), _PORTION):
            portion = texts[start : start + _PORTION]
            made = await lender.meaning(partial(_embedded, portion), rank=BACKGROUND)
            if made is None:
                return
            space = made[0]
            vectors.update(made[1])
            await anyio.sleep(_REST_S)
        known = Known(*space, vectors)
        orders = self._orders(character)
        goals = await anyio.to_thread.run_sync(Goals, character.goals, character.language, known, orders)
        for shelf in shelves:
            if shelf.vectors is None:
                shelf.embed(known)
        if self._made.get(character.id) is nature:
            self._made[character.id] = replace(nature, goals=goals, by_meaning=True)

    def _make(self, character: CharacterFile) -> Nature:
        packs = self.library.packs_for(character)
        names = [character.name, *character.aliases]
        return Nature(
            character,
            Goals(character.goals, character.language, None, self._orders(character)),
            Knowledge(character, self._on_shelves(packs, character.language), character.knowledge.groups),
            world_of(character, packs),
            levels_of(character.safety),
            name_words(names, character.language),
        )

    def _orders(self, character: CharacterFile) -> Orders | None:
        if self.reduce is None:
            return None
        return Orders(character.goals, self.library.actions_for(character), character.language, self.reduce)

    def _on_shelves(self, packs: Sequence[KnowledgeFile], language: str) -> list[Shelf]:
        language = language.split("-")[0]
        shelves = []
        for pack in packs:
            key = id(pack), language
            if key not in self._shelves:
                shelf = Shelf(pack.facts, language)
                shelf.keyed("")  # what is looked up in a turn is made ready before it
                self._shelves[key] = pack, shelf
            shelves.append(self._shelves[key][1])
        return shelves


def _embedded(
    texts: Sequence[tuple[str, bool]], embedder: Embedder
) -> tuple[tuple[str, int], dict[tuple[str, bool], Vectors]]:
    """The embedder's space, and the vectors of texts, each with whether it is a query."""
    vectors = {key: embedder.embed([key[0]], query=key[1])[0] for key in texts}
    return (embedder.name, embedder.dimensions), vectors
