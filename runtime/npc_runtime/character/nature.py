"""Nature: what follows from a character's files and does not change while it lives, made ready when it is first met."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from npc_runtime.character.appraisal import assess
from npc_runtime.character.boundary import World, judge, world_of
from npc_runtime.character.goals import Goals
from npc_runtime.character.intent_words import name_words
from npc_runtime.character.knowledge import Awareness, Knowledge, Shelf
from npc_runtime.character.memory.embedder import Embedder
from npc_runtime.character.orders import Orders, Reduce
from npc_runtime.character.safety import Levels, check_line, levels_of
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.knowledge import KnowledgeFile
from npc_runtime.content.library import Library


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
        embedder: Judges nearness of meaning; without one the words alone do.
        reduce: Takes the values of an action's arguments out of a line; without it an order is known only by words that
            are like its examples.
    """

    library: Library
    embedder: Embedder | None = None
    reduce: Reduce | None = None
    _made: dict[str, Nature] = field(default_factory=dict)
    _warm: set[str] = field(default_factory=set)
    """Ids of those who are ready."""
    _shelves: dict[tuple[int, str], tuple[KnowledgeFile, Shelf]] = field(default_factory=dict)
    """By identity of the pack, which is kept alive beside its shelf, and language."""

    def of(self, character: CharacterFile) -> Nature:
        """The nature of a character of the library."""
        made = self._made.get(character.id)
        if made is None or made.character is not character:
            made = self._made[character.id] = self._make(character)
        return made

    def warm(self, character: CharacterFile) -> None:
        """Make a character ready as far as its first turn would wait for it; takes a tenth of a second, once."""
        nature = self.of(character)
        if character.id in self._warm:
            return
        self._warm.add(character.id)
        text = f"{character.name}?"
        assess(text, character.language, character.persona.traits)
        check_line(text, nature.levels, character.language)
        judge(text, nature.world, character.knowledge.filter)

    def replace(self, library: Library) -> None:
        """Go on with another library, such as the same one edited."""
        self.library = library
        self._made.clear()
        self._warm.clear()
        self._shelves.clear()

    def _make(self, character: CharacterFile) -> Nature:
        packs = self.library.packs_for(character)
        names = [character.name, *character.aliases]
        return Nature(
            character,
            Goals(character.goals, character.language, self.embedder, self._orders(character)),
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
                if self.embedder is not None:
                    shelf.embed(self.embedder)
                shelf.keyed("")  # what is looked up in a turn is made ready before it
                self._shelves[key] = pack, shelf
            shelves.append(self._shelves[key][1])
        return shelves
