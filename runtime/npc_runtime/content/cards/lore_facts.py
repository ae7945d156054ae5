"""Lorebook entries as facts that characters know, and facts as entries of a lorebook."""

import copy
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeAlias

from pydantic import TypeAdapter, ValidationError

from npc_runtime.content.cards.card_json import Object, object_of, objects_of, text_of
from npc_runtime.content.cards.lorebook import LoreEntry
from npc_runtime.content.cards.macros import Cast, resolve
from npc_runtime.content.cards.own import KEY, extend, extension, fact_entry
from npc_runtime.content.cards.texts import LONGEST_LINE, LONGEST_PROSE, clean, one_line, pieces
from npc_runtime.content.fields import FILE_ID, Authored, Tag
from npc_runtime.content.knowledge import MAX_KEYS, USUAL_PRIORITY, Fact, KnowledgeFile

_FILE_ID = re.compile(FILE_ID)
_TAG: TypeAdapter[str] = TypeAdapter(Tag)
_HALFWAY = 10.0
"""Priority of a lorebook that is halfway from the usual to the highest."""
_HIGHEST = 1000
_SHOWN = ("keys", "tags", "always", "priority")
"""What of a fact the fields of an entry show besides its text."""
_MOST_FACTS = 2000
_MOST_TEXT = 500_000
"""Bytes of all facts of a card: their files must stay below the size of a content file."""
_LONGEST_KEY = 80
"""Characters; longer keys are dropped, as nobody says them."""
_MOST_READ = 1000
"""Keys of an entry that are looked at."""
_MOST_COMPARED = 40
"""Facts of a book that are compared with one another to see which was reworded."""

Placed: TypeAlias = tuple[str | None, Fact]
"""A fact and the pack that it is in; None: the character's own."""


@dataclass(slots=True)
class Known:
    """What a lorebook says, as content files hold it."""

    facts: list[str] = field(default_factory=list)
    """For the character alone, always in mind: `knowledge.facts`."""
    packs: dict[str, list[Fact]] = field(default_factory=dict)
    """For `knowledge/*.yaml`, by the name of the pack."""
    unread: int = 0
    """Entries that are switched off, or for which there is no room."""


def known_of(book: Object, pack: str, cast: Cast) -> Known:
    """Read a lorebook as facts.

    Args:
        book: The lorebook.
        pack: Name of the pack for entries that do not name one.
        cast: Who its texts speak of.
    """
    known, room, count = Known(), _MOST_TEXT, 0
    for entry in objects_of(book, "entries"):
        ours = extension(entry)
        facts = _facts(entry, cast)
        room -= sum(len(text.encode("utf-8")) for fact in facts for text in (fact.text, *fact.keys, *fact.tags))
        count += len(facts)
        if not facts or room < 0 or count > _MOST_FACTS:
            known.unread += 1
            continue
        if ours.get("fact") is True and len(facts) == 1:
            if line := one_line(facts[0].text)[:LONGEST_LINE]:
                known.facts.append(line)
            continue
        name = text_of(ours, "pack")
        known.packs.setdefault(name if _FILE_ID.fullmatch(name) else pack, []).extend(facts)
    return known


def _facts(entry: Object, cast: Cast) -> list[Fact]:
    """What an entry says; nothing if it is switched off, in parts if it is long."""
    ours, lore = extension(entry), LoreEntry.from_json(entry)
    if not ours and (not lore.enabled or "dont_activate" in lore.rules):
        return []
    text = clean(resolve(lore.content, cast))
    said = _beside_the_text(entry)
    if "pack" in ours and text:
        details = {key: ours[key] for key in Fact.model_fields if key in ours and key != "text"}
        try:
            return [Fact.model_validate({**said, **details, "text": text})]
        except ValidationError:
            pass  # another program, or a person, changed it; the text and the keys are still good
    return [Fact.model_validate({**said, "text": part}) for part in pieces(text, LONGEST_PROSE)]


def _beside_the_text(entry: Object) -> Object:
    """What the fields of an entry say of a fact besides its text.

    Keys become keys; those of a selective entry, which alone bring nothing to mind, become tags. Patterns are neither.
    """
    lore = LoreEntry.from_json(entry)
    words = () if lore.use_regex else (one_line(key) for key in lore.keys[:_MOST_READ])
    keys = tuple(dict.fromkeys(key for key in words if 0 < len(key) <= _LONGEST_KEY))[:MAX_KEYS]
    selective = lore.selective and bool(lore.secondary_keys)
    found: Object = {"tags": tuple(filter(_is_tag, keys))} if selective else {"keys": keys}
    return {**found, "always": lore.constant, "priority": _priority(lore.priority)}


def _is_tag(key: str) -> bool:
    try:
        _TAG.validate_python(key)
    except ValidationError:
        return False
    return True


def _priority(number: float | None) -> float:
    """The priority of an entry, which may be any number, on our scale; in the same order."""
    if number is None:
        return USUAL_PRIORITY
    number = max(-_HIGHEST, min(number, _HIGHEST))
    return round(USUAL_PRIORITY * (1 + number / (abs(number) + _HALFWAY)), 3)


def _lore_priority(priority: float) -> int:
    """The other way round."""
    share = priority / USUAL_PRIORITY - 1
    return round(_HALFWAY * share / (1 - abs(share))) if abs(share) < 1 else round(_HIGHEST * share)


def pack_details(book: Object) -> Object:
    """What our part of a lorebook says about whole packs, by their names; untrusted."""
    return object_of(extension(book), "packs")


def written_book(
    book: Object | None,
    facts: Sequence[str],
    packs: Mapping[str, KnowledgeFile],
    *,
    pack: str,
    cast: Cast,
    names: Sequence[str],
) -> Object:
    """The lorebook of a card that says these facts; entries that already say them stay as they are.

    Args:
        book: The lorebook that the card has.
        facts: The facts of the character alone.
        packs: Its packs, by name.
        pack: Name of the pack that entries belong to which do not name one.
        cast: Who its texts speak of.
        names: What the character is called; a fact that others know, and not the character, is switched off.
    """
    wanted: list[Placed] = [(None, Fact(text=fact)) for fact in facts]
    wanted += [(name, fact) for name, listed in packs.items() for fact in listed.facts]
    result = copy.deepcopy(book) if book else {"extensions": {}, "entries": []}
    unsaid = Counter(wanted)
    entries: list[Object | None] = []
    changed: list[tuple[int, Fact]] = []
    for entry in objects_of(result, "entries"):
        said = _said(entry, pack, cast)
        if Counter(said) <= unsaid:
            unsaid.subtract(said)
            entries.append(entry)
        else:
            changed.append((len(entries), said[0][1]))
            entries.append(None)
    new = [pair for pair in wanted if unsaid[pair] > 0 and not unsaid.subtract([pair])]
    old = objects_of(result, "entries")
    for index, was in changed[:_MOST_COMPARED]:
        texts = [fact.text[:LONGEST_LINE] for _, fact in new[:_MOST_COMPARED]]
        if close := get_close_matches(was.text[:LONGEST_LINE], texts, n=1):
            place, fact = new.pop(texts.index(close[0]))
            entries[index] = _rewritten(old[index], was, place, fact)
    kept = [entry for entry in entries if entry is not None]
    last = max((LoreEntry.from_json(entry).order for entry in kept), default=-1)
    kept += [_entry(place, fact, int(last) + at, names) for at, (place, fact) in enumerate(new, start=1)]
    result["entries"] = kept
    about = {name: _beyond(listed, "facts") for name, listed in packs.items()}
    details = {name: values for name, values in about.items() if values}
    ours = {key: value for key, value in extension(result).items() if key != "packs"}
    extend(result, {**ours, **({"packs": details} if details else {})})
    return result


def _beyond(part: Authored, field: str) -> Object:
    """What is given of a part of a content file besides one of its fields."""
    values: Object = part.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={field, "schema_version"}
    )
    return values


def _said(entry: Object, pack: str, cast: Cast) -> list[Placed]:
    place = _place(entry, pack)
    facts = _facts(entry, cast)
    if place is None:
        return [(None, Fact(text=one_line(fact.text)[:LONGEST_LINE])) for fact in facts]
    return [(place, fact) for fact in facts]


def _place(entry: Object, pack: str) -> str | None:
    """The pack that an entry belongs to; None if it is a fact of the character alone."""
    ours = extension(entry)
    if ours.get("fact") is True:
        return None
    name = text_of(ours, "pack")
    return name if _FILE_ID.fullmatch(name) else pack


def _entry(place: str | None, fact: Fact, order: int, names: Sequence[str]) -> Object:
    if place is None:
        return fact_entry(fact.text, order)
    knows = not fact.known_by or not {one.casefold() for one in fact.known_by}.isdisjoint(map(str.casefold, names))
    entry = fact_entry(fact.text, order)
    keys = list(fact.keys or fact.tags)
    entry |= {"keys": keys, "enabled": knows, "constant": fact.always or not keys}
    if fact.priority != USUAL_PRIORITY:
        entry["priority"] = _lore_priority(fact.priority)
    extend(entry, _details(entry, place, fact))
    return entry


def _details(entry: Object, place: str | None, fact: Fact) -> Object:
    """What an entry cannot say of a fact in its own fields."""
    if place is None:
        return {"fact": True}
    shown = Fact.model_validate({**_beside_the_text(entry), "text": fact.text})
    given, differing = _beyond(fact, "text"), _differences(fact, shown)
    return {"pack": place, **{key: value for key, value in given.items() if key not in _SHOWN}, **differing}


def _differences(fact: Fact, shown: Fact) -> Object:
    """What of a fact an entry shows otherwise."""
    values, other = (one.model_dump(mode="json", include=set(_SHOWN)) for one in (fact, shown))
    return {key: value for key, value in values.items() if value != other[key]}


def _rewritten(entry: Object, was: Fact, place: str | None, fact: Fact) -> Object:
    """An entry with new content under its decorators, and with new keys if the tags are others."""
    decorators = [line for line in text_of(entry, "content").splitlines() if line.startswith("@@")]
    written = {**entry, "content": "\n".join([*decorators, fact.text])}
    if (fact.keys, fact.tags) != (was.keys, was.tags) and entry.get("use_regex") is not True:
        written["keys"] = list(fact.keys or fact.tags)
    if fact.always != was.always:
        written["constant"] = fact.always
    if fact.priority != was.priority:
        written["priority"] = _lore_priority(fact.priority)
    return {**written, "extensions": {**object_of(entry, "extensions"), KEY: _details(written, place, fact)}}
