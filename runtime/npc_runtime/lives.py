"""Lives: the inner states of the characters of one world, shared by its sessions and kept with what they remember."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import anyio

from npc_runtime.character.inner import Bond, Inner, Person
from npc_runtime.character.memory.embedder import Vectors
from npc_runtime.character.memory.importance import Origin, weigh
from npc_runtime.character.memory.records import Changes, Experience, Source, StateDocument
from npc_runtime.character.memory.remembering import Count
from npc_runtime.chronicle import Chronicle, Remembered
from npc_runtime.clock import Clock
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import InputError, NpcError
from npc_runtime.scene import Player, Scene

_MOST_BONDS = 4096
"""Characters, times players, that are held; of others there is what was written."""
_SMALL_ROOM, _ROOM = 32, 300
"""Tokens of a prompt that memories may take with a small model, and with others."""
_TELLING = 0.3
"""Importance from which on a small model is told of an experience: small talk only confuses it, and takes its time."""


@dataclass(frozen=True, slots=True)
class Lived:
    """Something that a character lived through in a turn."""

    text: str
    source: Source
    origin: Origin = "speech"
    kind: str = ""
    """What it was, such as `event`; empty: what importance finds in the words, or plain dialogue."""


@dataclass(slots=True)
class _Held:
    """The own state of a character, with the moment it was woken at: where the game tells no time, ours goes on."""

    person: Person
    woken: float


class Lives:
    """The inner states of all characters of one world.

    Args:
        clock: Time.
        chronicle: What they remember, and where their states are kept; None: only as long as this object lives.
        tokens: What memories may take of a prompt; 0: what suits the model.
        warn: Told when a saved state cannot be read; the character is then as its author made it.
    """

    def __init__(
        self,
        clock: Clock,
        chronicle: Chronicle | None = None,
        *,
        tokens: int = 0,
        warn: Callable[[NpcError], None] = lambda _: None,
    ) -> None:
        self.chronicle = chronicle
        self.tokens = tokens
        """What memories may take of a prompt; 0: what suits the model."""
        self.epoch = 0
        """Counts up whenever a save game is loaded: what was said since is not part of the story any more."""
        self.players: Counter[str] = Counter()
        """Who plays in this world now, by id, and in how many sessions."""
        self._clock = clock
        self._warn = warn
        self._persons: dict[str, _Held] = {}
        self._bonds: dict[tuple[str, str], Bond] = {}
        self._unwritten: set[tuple[str, str]] = set()
        """Characters and players whose states have changed since they were written."""
        self.telling = anyio.Lock(fast_acquire=True)
        """Held while something is written, and while another story is begun: nothing of one gets into the other."""
        self._unread: set[tuple[str, str | None]] = set()
        """Those whose states could not be read: what is kept of them is not replaced."""

    def of(self, character: CharacterFile, player: Player) -> "Life":
        """The life of a character, as far as it concerns one player."""
        return Life(self, character, player)

    async def save(self, slot: str) -> None:
        """Keep everything as it is now under a name.

        Raises:
            InputError: There is no memory to keep it in.
        """
        chronicle = self._kept()
        async with self.telling:
            await self._write_states()
            await chronicle.save(_named(slot))

    async def load(self, slot: str) -> None:
        """Go back to what was kept under a name.

        Raises:
            InputError: There is no such save, or no memory; nothing was changed.
        """
        chronicle = self._kept()
        async with self.telling:
            await chronicle.load(_named(slot))
            self._forget()

    async def begin(self) -> None:
        """Begin a new game."""
        async with self.telling:
            if self.chronicle is not None:
                await self.chronicle.begin()
            self._forget()

    async def wake(self, character: CharacterFile, player: Player) -> None:
        """Have the states of a character ready."""
        known = character.id in self._persons
        if known and (character.id, player.id) in self._bonds:
            return
        now, epoch = self._clock.now(), self.epoch
        own = {} if known else await self._saved(character.id, None)
        shared = await self._saved(character.id, player.id)
        if epoch != self.epoch:  # a save game was loaded meanwhile: what was read belongs to another story
            return await self.wake(character, player)
        self._persons.setdefault(character.id, _Held(self._person(own, character, now), now))
        self._bonds.setdefault((character.id, player.id), self._bond(shared, character))
        if self.chronicle is not None and len(self._bonds) > _MOST_BONDS:
            self._part()

    def inner(self, character: CharacterFile, player: Player) -> Inner:
        """The state of a character now; of one that was not woken, as its author made it."""
        now = self._clock.now()
        held = self._persons.get(character.id)
        person = held.person if held is not None else Person.new(character, now)
        bond = self._bonds.get((character.id, player.id))
        return Inner(person.after(now, character), bond if bond is not None else Bond.new(character))

    def keep(self, character: CharacterFile, player: Player, inner: Inner) -> None:
        """From now on this is the state of a character."""
        held = self._persons.get(character.id)
        if held is None:
            self._persons[character.id] = _Held(inner.person, self._clock.now())
        else:
            # Others may have talked to it meanwhile: its own time goes on, and what it came to know stays known.
            held.person = replace(inner.person.knowing(held.person.awareness), game_time=held.person.game_time)
        self._bonds[character.id, player.id] = inner.bond
        self._unwritten.add((character.id, player.id))

    def time(self, character: CharacterFile, scene: Scene) -> float:
        """Game time in seconds; where the game tells none, the character's own goes on while it is awake."""
        if scene.time is not None:
            return scene.time
        held = self._persons.get(character.id)
        return held.person.game_time + self._clock.now() - held.woken if held is not None else 0.0

    def note_time(self, character: CharacterFile, time: float) -> None:
        """The character has lived through something at this game time."""
        held = self._persons.get(character.id)
        if held is not None:
            held.person = replace(held.person, game_time=time)
            held.woken = self._clock.now()

    def states(self, character: str, player: str) -> tuple[StateDocument, ...]:
        """What is to be written of a character and a player, as it is at this moment."""
        self._unwritten.discard((character, player))
        documents: list[StateDocument] = []
        held = self._persons.get(character)
        if held is not None and (character, None) not in self._unread:
            now = self._clock.now()
            own = held.person.at_time(now, held.person.game_time + now - held.woken).documents()
            documents += [StateDocument(npc=character, player=None, name=k, document=v) for k, v in own.items()]
        if (character, player) in self._bonds and (character, player) not in self._unread:
            shared = self._bonds[character, player].documents()
            documents += [StateDocument(npc=character, player=player, name=k, document=v) for k, v in shared.items()]
        return tuple(documents)

    async def _write_states(self) -> None:
        """Write what has changed, be it only that feelings have faded since."""
        moved = {npc for npc, held in self._persons.items() if not held.person.rests}
        due = self._unwritten | {key for key in self._bonds if key[0] in moved}
        if self.chronicle is not None and due:
            states = [state for npc, player in sorted(due) for state in self.states(npc, player)]
            await self.chronicle.commit(Changes(states=tuple(states)))

    def _part(self) -> None:
        """Leave what is between a character and a player to what was written of it, the longest known first."""
        moved = {npc for npc, held in self._persons.items() if not held.person.rests}
        written = (key for key in self._bonds if key not in self._unwritten and key[0] not in moved)
        for key in list(itertools.islice(written, len(self._bonds) - _MOST_BONDS)):
            del self._bonds[key]

    def _forget(self) -> None:
        self.epoch += 1
        self._persons.clear()
        self._bonds.clear()
        self._unwritten.clear()
        self._unread.clear()

    def _kept(self) -> Chronicle:
        if self.chronicle is None:
            raise InputError("Nothing is remembered here.", hint="set memory.enabled to true", code="no_memory")
        return self.chronicle

    async def _saved(self, character: str, player: str | None) -> dict[str, Any]:
        if self.chronicle is None:
            return {}
        try:
            return await self.chronicle.states(character, player)
        except NpcError as error:
            self._warn(error)
            self._unread.add((character, player))
            return {}

    def _person(self, saved: dict[str, Any], character: CharacterFile, now: float) -> Person:
        try:
            return Person.read(saved, character, now)
        except InputError as error:
            self._warn(error)
            return Person.new(character, now)

    def _bond(self, saved: dict[str, Any], character: CharacterFile) -> Bond:
        try:
            return Bond.read(saved, character)
        except InputError as error:
            self._warn(error)
            return Bond.new(character)


class Life:
    """The life of one character, as far as it concerns one player; see `Lives.of`."""

    def __init__(self, lives: Lives, character: CharacterFile, player: Player) -> None:
        self._lives = lives
        self._character = character
        self._player = player
        self._epoch = lives.epoch

    @property
    def goes_on(self) -> bool:
        """Whether the story is still the one that this life is part of: no save game was loaded since."""
        return self._epoch == self._lives.epoch

    async def wake(self) -> Inner:
        """The state now, read from where it is kept if need be."""
        await self._lives.wake(self._character, self._player)
        return self.inner

    @property
    def inner(self) -> Inner:
        """The state now."""
        return self._lives.inner(self._character, self._player)

    def keep(self, inner: Inner) -> None:
        """From now on this is the state, unless the story goes on without it."""
        if self.goes_on:
            self._lives.keep(self._character, self._player, inner)

    def time(self, scene: Scene) -> float:
        """Game time in seconds."""
        return self._lives.time(self._character, scene)

    async def recall(
        self, query: str, inner: Inner, scene: Scene, *, small: bool, count: Count, recent: int
    ) -> Remembered:
        """What comes to the character's mind; nothing where nothing is remembered.

        Args:
            query: What is being talked about.
            inner: The character's state: the mood has a say.
            scene: Where, and when.
            small: Whether the model is small.
            count: The tokens of texts.
            recent: How many of the latest exchanges the character has in mind anyway.
        """
        chronicle = self._lives.chronicle
        if chronicle is None:
            return Remembered((), ())
        return await chronicle.recall(
            query,
            npc=self._character.id,
            player=self._player.id,
            now=self.time(scene),
            language=self._character.language,
            names=self.names,
            room=prompt_room(self._lives.tokens, small=small),
            count=count,
            mood=inner.person.affect.mood,
            recent=2 * recent,
            least=_TELLING if small else 0.0,
        )

    @property
    def names(self) -> dict[str, str]:
        """What the two are called, by their ids."""
        return {self._character.id: self._character.name, self._player.id: self._player.name}

    async def vector(self, text: str) -> Vectors | None:
        """What is said as the embedder's query, shape (dimensions,); None without an embedder."""
        chronicle = self._lives.chronicle
        if chronicle is None:
            return None
        return await chronicle.meaning(lambda embedder: embedder.embed([text], query=True)[0])

    async def warm(self) -> None:
        """Make ready what the first question of a talk would have to wait for."""
        if self._lives.chronicle is not None:
            await self._lives.chronicle.warm(self._character.id, self._player.id, self._character.language)

    def conclude(self) -> None:
        """A talk is over: what it came to can be summed up."""
        if self._lives.chronicle is not None:
            character = self._character
            self._lives.chronicle.conclude(character.id, self._player.id, character.language, self.names)

    async def record(
        self, lived: Sequence[Lived], scene: Scene, *, recalled: Sequence[int] = (), share: float = 1.0
    ) -> None:
        """Remember what happened, together with the state it left the character in.

        Args:
            lived: What happened, in order.
            scene: Where.
            recalled: Ids of the memories that were used in it.
            share: How much of its importance it has for the character.
        """
        async with self._lives.telling:
            if self.goes_on:
                await self._record(lived, scene, recalled, share)

    async def _record(self, lived: Sequence[Lived], scene: Scene, recalled: Sequence[int], share: float) -> None:
        lives = self._lives
        time = self.time(scene)
        lives.note_time(self._character, time)
        states = lives.states(self._character.id, self._player.id)
        if lives.chronicle is None:
            return
        inner = self.inner
        first = inner.bond.exchanges == 1
        experiences = []
        for one in lived:
            weight = weigh(one.text, self._character.language, origin=one.origin, first_meeting=first)
            experiences.append(
                Experience(
                    npc=self._character.id,
                    player=self._player.id,
                    game_time=time,
                    kind=one.kind or (weight.kinds[0] if weight.kinds else "dialogue"),
                    text=one.text,
                    importance=weight.value * share,
                    pad=inner.person.affect.pad,
                    source=one.source,
                )
            )
        await lives.chronicle.commit(
            Changes(experiences=tuple(experiences), states=states, recalled=tuple(recalled), game_time=time)
        )


def prompt_room(tokens: int, *, small: bool) -> int:
    """How many tokens of a prompt memories may take.

    Args:
        tokens: The setting `memory.tokens`; 0: what suits the model.
        small: Whether the model is small.
    """
    return tokens or (_SMALL_ROOM if small else _ROOM)


def _named(slot: str) -> str:
    """The name of a save.

    Raises:
        InputError: There is nothing but blanks.
    """
    if not slot.strip():
        raise InputError("The name of a save is empty.", hint="give `slot` a name", code="bad_message")
    return slot
