"""The prompt: what never changes comes first, so that the engine's work on it can be kept from turn to turn.

Order: rules, persona and actions (the same bytes for a character's whole life); the turns so far (only ever appended
to); one block with what holds just now; the player's words. The volatile block is not kept in the history, where it
would turn into stale facts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from npc_runtime.content.action import ActionDefinition, ActionOption
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.told import DEFAULT, base, speaks, told
from npc_runtime.content.wording import content_words, overlap
from npc_runtime.llm.backend import Message, ReplyFormat
from npc_runtime.llm.reply_rules import reply_rules
from npc_runtime.scene import Player, Scene

_MOST_FACTS = 6
_MOST_NAMES = 16
"""Of the scene: a crowded one must not push the conversation out of the window."""
PER_MESSAGE = 8
"""Tokens that a template adds to a message."""
_PLAYER_SHARE = 0.25
"""Of the window that the player's words may fill: what is longer is cut."""
_SYSTEM_SHARE = 0.5
"""Of the window that the unchanging part may fill: a richer persona is told in short."""


_WORDS = re.compile("[a-z]+")
_ASCII = re.compile("[\\x00-\\x7f]+")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the player said and what was really heard of the reply."""

    player: str
    reply: str


def system_prompt(
    character: CharacterFile,
    actions: Sequence[ActionDefinition],
    *,
    small: bool = False,
    reply_format: ReplyFormat = "tags",
) -> str:
    """The part that never changes for a character.

    Args:
        character: Who answers.
        actions: What the character may ever do.
        small: Whether the model is so small that a long prompt confuses it: it gets the essence, and `relevant_facts`
            beside the player's words.
        reply_format: How the model says what the character feels and does.
    """
    persona, style = character.persona, character.style
    language = character.language
    lines = [told("you_are", language, name=character.name, summary=persona.summary.strip())]
    if style.tone:
        lines.append(told("tone", language, tone=style.tone))
    if small:
        return " ".join([*lines, told("short_json", language)] if reply_format == "json" else lines)
    if persona.motivation:
        lines.append(told("motivation", language, motivation=persona.motivation.strip()))
    lines += _depth(character)
    most = _sentences(style.max_sentences, language)
    lines.append(told("answer", language, name=character.name.split()[0], sentences=most))
    if not speaks(language):
        lines.append(told("other_language", language, code=base(language)))
    lines += reply_rules(actions, reply_format, language)
    return "\n".join(lines)


def introduction(character: CharacterFile, *, small: bool) -> tuple[Exchange, ...]:
    """A first exchange that shows a small model who it is and how it talks; it understands that better than rules."""
    if not small:
        return ()
    language = character.language
    sample = "".join(f" {line}" for line in character.style.sample_lines[:1])
    return (Exchange(told("question", language), told("introduction", language, name=character.name) + sample),)


def _depth(character: CharacterFile) -> list[str]:
    persona, language = character.persona, character.language
    lines = [told("flaws", language, flaws=", ".join(persona.flaws))] if persona.flaws else []
    if character.style.sample_lines:
        lines.append(told("samples", language, lines=" ".join(character.style.sample_lines)))
    if persona.backstory:
        lines.append(persona.backstory.strip())
    if character.knowledge.facts:
        lines.append(told("facts", language, facts=" ".join(character.knowledge.facts)))
    lines.append(told("world", language))
    return lines


def fitting_system_prompt(
    character: CharacterFile,
    actions: Sequence[ActionDefinition],
    *,
    small: bool,
    context_tokens: int,
    reply_format: ReplyFormat = "tags",
) -> str:
    """The unchanging part, in full where the model and its window allow it, in short otherwise.

    Args:
        character: Who answers.
        actions: What the character may ever do.
        small: As in `system_prompt`.
        context_tokens: Size of the model's window.
        reply_format: As in `system_prompt`.
    """
    most = int(context_tokens * _SYSTEM_SHARE)
    if not small:
        full = system_prompt(character, actions, reply_format=reply_format)
        if estimated_tokens(full) <= most:
            return full
    return _cut(system_prompt(character, actions, small=True, reply_format=reply_format), most)


def estimated_tokens(text: str) -> int:
    """How many tokens a text has at most, for the languages and tokenizers we meet.

    Fitted to a small English tokenizer, to which German and Turkish words are strange: it has a token for each 2.5
    letters of them, one for each capital, digit and sign, two for each letter beyond ASCII, and one at least for each
    word. What has hardly any vowels is no word, and gets nearly a token for each letter.
    """
    rest, words = _WORDS.subn("", text)
    foreign = len(_ASCII.sub("", rest))
    signs = len(rest) - foreign - rest.count(" ")
    letters = len(text) - len(rest)
    strange = letters - 2 * sum(map(text.count, "aeiou"))
    return max(letters * 2 // 5, words, strange) + signs + 2 * foreign + 1


def _cut(text: str, tokens: int) -> str:
    """The start of a text that fits, up to a whole word."""
    if estimated_tokens(text) <= tokens:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimated_tokens(text[:middle]) <= tokens else (low, middle - 1)
    return text[:low].rsplit(None, 1)[0]


def relevant_facts(facts: Sequence[str], player_line: str, *, most: int = 1) -> tuple[str, ...]:
    """Those facts that share words with what the player said, best first."""
    said = content_words(player_line)
    scores = [(overlap(said, content_words(fact)), fact) for fact in facts]
    ranked = sorted((pair for pair in scores if pair[0]), key=lambda pair: -pair[0])
    return tuple(fact.strip() for _, fact in ranked[:most])


def messages(
    system: str,
    history: Sequence[Exchange],
    player_line: str,
    *,
    player: Player,
    scene: Scene | None,
    options: Sequence[ActionOption] = (),
    thoughts: Sequence[str] = (),
    language: str = DEFAULT,
    context_tokens: int = 2048,
    reply_tokens: int = 160,
) -> tuple[Message, ...]:
    """The whole conversation, ready for a model.

    Args:
        system: From `system_prompt`.
        history: The turns so far, oldest first; the oldest are left out when they do not fit.
        player_line: What the player said now.
        player: Who said it.
        scene: What is around; None when the model is too small to use it.
        options: The actions possible now, whose values the model may need to know.
        thoughts: What the character has in mind now, as sentences to it.
        language: The character's, ISO 639-1.
        context_tokens: Size of the model's window.
        reply_tokens: How much of it the reply may need.
    """
    player_line = _cut(player_line, int(context_tokens * _PLAYER_SHARE))
    now = [] if scene is None else _now(scene, options, language)
    now += [" ".join(thought.split()) for thought in thoughts]
    if scene is not None:
        now.append(told("says", language, player=player.name))
    room = context_tokens - reply_tokens - estimated_tokens(system) - estimated_tokens(player_line) - 3 * PER_MESSAGE
    while now and estimated_tokens(" ".join(now)) > room:
        del now[0]  # what matters most comes last
    last = f"({' '.join(now)})\n{player_line}" if now else player_line
    room -= estimated_tokens(" ".join(now))
    kept: list[Message] = []
    for exchange in reversed(history):
        room -= estimated_tokens(exchange.player) + estimated_tokens(exchange.reply) + 2 * PER_MESSAGE
        if room < 0:
            break
        kept[:0] = [Message("user", exchange.player), Message("assistant", exchange.reply)]
    return (Message("system", system), *kept, Message("user", last))


def _now(scene: Scene, options: Sequence[ActionOption], language: str) -> list[str]:
    parts = []
    if scene.location:
        parts.append(told("place", language, place=scene.location))
    if scene.mood:
        parts.append(told("mood", language, mood=scene.mood))
    parts += [fact.strip() for fact in scene.facts[:_MOST_FACTS]]
    names = dict.fromkeys(entity.label for entity in scene.entities[:_MOST_NAMES])
    if names:
        parts.append(told("here", language, names=", ".join(names)))
    present = [presence.name or presence.id for presence in scene.characters[:_MOST_NAMES]]
    if present:
        parts.append(told("present", language, names=", ".join(present)))
    choices = dict.fromkeys(choice for option in options for arg in option.args for choice in arg.choices)
    unnamed = [choice for choice in choices if choice not in names][:_MOST_NAMES]
    if unnamed:
        parts.append(told("choices", language, names=", ".join(unnamed)))
    return parts


def _sentences(count: int, language: str) -> str:
    return told({1: "one_sentence", 2: "two_sentences"}.get(count, "sentences"), language, count=count)
