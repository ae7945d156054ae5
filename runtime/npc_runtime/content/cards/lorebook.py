"""Lorebooks: which of a book's entries a conversation brings to mind, and where they belong in the prompt.

After the rules of Character Card V3 for `character_book`, its entries and their decorators.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from npc_runtime.content.cards.card_json import Object, number_of, object_of, objects_of, text_of, texts_of
from npc_runtime.content.cards.decorators import Value, parse
from npc_runtime.content.cards.lore_keys import MAX_PATTERNS, any_pattern, any_word
from npc_runtime.content.cards.macros import Cast, resolve

MAX_ENTRIES = 2000
"""Entries of a book that are looked at."""
MAX_SCANNED = 60_000
"""Characters of a conversation that are searched for keys, from the end."""
_MAX_ROUNDS = 4
"""How often entries may bring further ones to mind."""

Where = Literal["before_char", "after_char", "before_desc", "after_desc", "personality", "scenario"]


@dataclass(frozen=True, slots=True)
class LoreEntry:
    """One thing that keys bring to mind."""

    content: str
    """Without decorators, with macros."""
    keys: tuple[str, ...] = ()
    secondary_keys: tuple[str, ...] = ()
    selective: bool = False
    """Whether a secondary key is needed too."""
    constant: bool = False
    """Whether no key is needed."""
    enabled: bool = True
    case_sensitive: bool = False
    use_regex: bool = False
    order: float = 0
    """Lower comes earlier in the prompt."""
    priority: float | None = None
    """Lower is dropped first when the budget is spent; `order` counts where it is None."""
    position: Where = "after_char"
    rules: Mapping[str, Value] = field(default_factory=dict)
    """Its decorators."""

    @classmethod
    def from_json(cls, entry: Object) -> Self:
        """Read an entry of a V2 or V3 lorebook; what has a wrong type counts as absent."""
        found, content = parse(text_of(entry, "content"))
        position = found.get("position", text_of(entry, "position"))
        return cls(
            content=content,
            keys=texts_of(entry, "keys"),
            secondary_keys=texts_of(entry, "secondary_keys"),
            selective=entry.get("selective") is True,
            constant=entry.get("constant") is True,
            enabled=entry.get("enabled") is not False,
            case_sensitive=entry.get("case_sensitive") is True,
            use_regex=entry.get("use_regex") is True,
            order=number_of(entry, "insertion_order") or 0,
            priority=number_of(entry, "priority"),
            position=_position(position),
            rules=found,
        )

    def number(self, name: str) -> int | None:
        """Value of a decorator that holds a number."""
        value = self.rules.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def words(self, name: str) -> tuple[str, ...]:
        """Value of a decorator that holds keys."""
        value = self.rules.get(name)
        return value if isinstance(value, tuple) else ()


@dataclass(frozen=True, slots=True)
class Lorebook:
    """Entries, and how they are searched."""

    entries: tuple[LoreEntry, ...]
    scan_depth: int | None = None
    """How many messages, from the last, are searched; all where it is None."""
    token_budget: int | None = None
    recursive: bool = False
    """Whether entries bring further ones to mind."""

    @classmethod
    def from_json(cls, book: Object) -> Self:
        """Read a V2 or V3 lorebook."""
        depth, budget = number_of(book, "scan_depth"), number_of(book, "token_budget")
        return cls(
            entries=_bounded([LoreEntry.from_json(entry) for entry in objects_of(book, "entries")[:MAX_ENTRIES]]),
            scan_depth=None if depth is None else max(0, int(depth)),
            token_budget=None if budget is None else max(0, int(budget)),
            recursive=book.get("recursive_scanning") is True,
        )

    @classmethod
    def of_card(cls, data: Object) -> Self:
        """The lorebook of a card's `data`; one without entries if it has none."""
        return cls.from_json(object_of(data, "character_book"))


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a conversation."""

    text: str
    by_character: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """A conversation at the point where the character is about to answer."""

    messages: Sequence[Said]
    """Oldest first."""
    cast: Cast
    matched: AbstractSet[int] = frozenset()
    """Indices of entries that came to mind in earlier turns."""
    greeting: int | None = None
    """Which greeting opened it: 0 for the first; None where nobody knows."""
    crowded: bool = False
    """Whether the prompt has no room left."""


@dataclass(frozen=True, slots=True)
class Lore:
    """An entry that came to mind, ready for the prompt."""

    index: int
    """Which entry of the book."""
    text: str
    position: Where
    depth: int | None = None
    """Behind how many of the last messages it belongs; None: at its position."""
    role: str = "system"


def activate(book: Lorebook, moment: Moment, tokens: Callable[[str], int]) -> tuple[Lore, ...]:
    """What a conversation brings to mind.

    Args:
        book: The lorebook.
        moment: The conversation.
        tokens: How many tokens a text has.

    Returns:
        Each entry at most once, in the order of the prompt, within the budget of the book.
    """
    active: dict[int, str] = {}
    echo = ""
    for _ in range(_MAX_ROUNDS):
        found = [
            index
            for index, entry in enumerate(book.entries)
            if index not in active and _matches(index, entry, book, moment, echo)
        ]
        active.update((index, resolve(book.entries[index].content, moment.cast).strip()) for index in found)
        if not (found and book.recursive):
            break
        searched = (resolve(book.entries[index].content, moment.cast, hidden=True) for index in sorted(active))
        echo = "\n".join(searched)[-MAX_SCANNED:]
    kept = _affordable(book, {index: text for index, text in active.items() if text}, tokens)
    ordered = sorted(kept, key=lambda index: (book.entries[index].order, index))
    return tuple(_lore(index, book.entries[index], active[index], len(moment.messages)) for index in ordered)


def _bounded(entries: Sequence[LoreEntry]) -> tuple[LoreEntry, ...]:
    """The entries, those switched off whose patterns are too many."""
    patterns, kept = 0, list[LoreEntry]()
    for entry in entries:
        patterns += len(entry.keys) + len(entry.words("additional_keys")) if entry.use_regex else 0
        kept.append(replace(entry, enabled=False) if entry.use_regex and patterns > MAX_PATTERNS else entry)
    return tuple(kept)


def _matches(index: int, entry: LoreEntry, book: Lorebook, moment: Moment, echo: str) -> bool:
    if not entry.enabled or not entry.content:
        return False
    has = entry.rules
    seen = index in moment.matched
    if seen and "dont_activate_after_match" in has:
        return False
    if "activate" in has or (seen and "keep_activate_after_match" in has):
        return True
    if "dont_activate" in has or not _in_time(entry, moment):
        return False
    depth = entry.number("scan_depth")
    text = "\n".join((_window(moment.messages, book.scan_depth if depth is None else depth), echo))
    return _keys_match(entry, text)


def _in_time(entry: LoreEntry, moment: Moment) -> bool:
    answers = sum(message.by_character for message in moment.messages)
    after, every = entry.number("activate_only_after"), entry.number("activate_only_every")
    greeting = entry.number("is_greeting")
    if (after is not None and answers < after) or (every is not None and answers % every):
        return False
    if greeting is not None and moment.greeting is not None and greeting != moment.greeting:
        return False
    return not (moment.crowded and "ignore_on_max_context" in entry.rules)


def _keys_match(entry: LoreEntry, text: str) -> bool:
    case = entry.case_sensitive
    additional, excluded = entry.words("additional_keys"), entry.words("exclude_keys")
    if entry.use_regex:
        return any_pattern((*entry.keys, *additional), text, case_sensitive=case)
    if additional and not any_word(additional, text, case_sensitive=case):
        return False
    if any_word(excluded, text, case_sensitive=case):
        return False
    if entry.constant:
        return True
    if entry.selective and entry.secondary_keys and not any_word(entry.secondary_keys, text, case_sensitive=case):
        return False
    return any_word(entry.keys, text, case_sensitive=case)


def _window(messages: Sequence[Said], depth: int | None) -> str:
    recent = messages if depth is None else messages[len(messages) - min(depth, len(messages)) :]
    return "\n".join(message.text for message in recent)[-MAX_SCANNED:]


def _affordable(book: Lorebook, active: dict[int, str], tokens: Callable[[str], int]) -> list[int]:
    """The entries that are left when those of least priority go until the rest fits."""
    if book.token_budget is None:
        return list(active)
    costs = {index: tokens(text) for index, text in active.items()}

    def worth(index: int) -> tuple[float, float, int]:
        entry = book.entries[index]
        return (entry.order if entry.priority is None else entry.priority, entry.order, -index)

    total = sum(costs.values())
    kept = sorted(active, key=worth, reverse=True)
    while kept and total > book.token_budget:
        total -= costs[kept.pop()]
    return kept


def _lore(index: int, entry: LoreEntry, text: str, messages: int) -> Lore:
    depth: int | None = None
    if "position" not in entry.rules:
        depth, back = entry.number("depth"), entry.number("reverse_depth")
        if depth is None and back is not None:
            depth = max(0, messages - back)
    role = entry.rules.get("role", "system")
    return Lore(index, text, entry.position, None if depth is None else min(depth, messages), str(role))


def _position(name: object) -> Where:
    known: tuple[Where, ...] = ("before_char", "before_desc", "after_desc", "personality", "scenario")
    return next((position for position in known if position == name), "after_char")
