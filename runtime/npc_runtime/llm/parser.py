"""The stream parser: reads speech, emotions and actions out of what a language model writes, while it writes.

Text passes through four stages, each a state machine over single characters, so that any way of cutting the stream into
pieces gives the same events: `markup` takes tags and stage directions out, `speakers` looks for labels at the start of
a line, `sentences` cuts words and sentences, `guards` decides what may be said.
"""

from collections.abc import Sequence

from npc_runtime.llm.cleaning import clean_character
from npc_runtime.llm.guards import SpeechGuard
from npc_runtime.llm.markup import MarkupScanner
from npc_runtime.llm.reply import (
    ActionTag,
    EmotionTag,
    NarrationText,
    ParserEvent,
    ParserNotice,
    SentenceEnd,
    SpeakerChange,
    Words,
)
from npc_runtime.llm.sentences import SentenceSplitter
from npc_runtime.llm.speakers import Label, LabelReader, Role

__all__ = [
    "ActionTag",
    "EmotionTag",
    "NarrationText",
    "ParserEvent",
    "ParserNotice",
    "ReplyParser",
    "SentenceEnd",
    "SpeakerChange",
    "Words",
]


class ReplyParser:
    """Parses one reply.

    Args:
        speaker: Name of the character who answers.
        aliases: The character's other names.
        others: Names of the other characters around.
        player: Name of the player.
        may_speak: Names of those others who may speak in this reply, too.
        max_sentences: Sentences after which only actions are still taken; None for any number.
        language: ISO 639-1 code; decides about abbreviations and stage directions.
        max_chars: Characters of speech after which the reply ends.
    """

    def __init__(
        self,
        *,
        speaker: str,
        aliases: Sequence[str] = (),
        others: Sequence[str] = (),
        player: str = "",
        may_speak: Sequence[str] = (),
        max_sentences: int | None = None,
        language: str = "en",
        max_chars: int = 2000,
    ) -> None:
        self._guard = SpeechGuard(max_sentences=max_sentences, max_chars=max_chars)
        self._sentences = SentenceSplitter(self._guard, language)
        self._labels = LabelReader(speaker=speaker, aliases=aliases, others=others, player=player, may_speak=may_speak)
        self._scanner = MarkupScanner(_Stages(self._guard, self._sentences, self._labels, speaker), language)
        self._closed = False

    @property
    def finished(self) -> bool:
        """Whether nothing that follows in this stream can matter: the caller may cancel the generation."""
        return self._guard.finished

    @property
    def spoken(self) -> bool:
        """Whether there has been anything to say so far."""
        return self._guard.spoken

    def feed(self, text: str) -> list[ParserEvent]:
        """Take the next piece of the stream.

        Args:
            text: Any number of characters; where the stream is cut makes no difference.

        Returns:
            The events that became certain with it.
        """
        for character in text:
            if self._guard.finished or self._closed:
                break
            cleaned = clean_character(character)
            if cleaned:
                self._scanner.push(cleaned)
        return self._guard.drain()

    def close(self, *, complete: bool = True) -> list[ParserEvent]:
        """Take the end of the stream.

        Args:
            complete: Whether the model ended the reply itself. False if it ran into its token limit: an unfinished last
                sentence is then left out if another one was spoken, and otherwise cut at its last whole word.

        Returns:
            The remaining events; nothing if the parser was closed before.
        """
        if self._closed:
            return []
        self._closed = True
        if not self._guard.finished:
            self._scanner.end()
            for character in self._labels.release():
                self._sentences.push(character)
            if self._sentences.close(drop_partial=not complete) or complete:
                self._sentences.newline()
            else:
                self._guard.cut_off()
        if not self.spoken:
            if self._guard.anything_withheld:
                self._guard.notice("no_speech", "the model wrote nothing that may be spoken")
            else:
                self._guard.notice("empty_reply", "the model wrote no speech")
        return self._guard.drain()


class _Stages:
    """Hands what the scanner finds on to the other stages."""

    def __init__(self, guard: SpeechGuard, sentences: SentenceSplitter, labels: LabelReader, speaker: str) -> None:
        self._guard = guard
        self._sentences = sentences
        self._labels = labels
        self._speaker = speaker
        self._current = speaker
        self._muted = False

    @property
    def at_start(self) -> bool:
        return not self._labels.held and self._sentences.at_start

    def text(self, character: str) -> None:
        if self._muted:
            return
        found = self._labels.push(character)
        if isinstance(found, Label):
            self._label(found)
        else:
            for known in found:
                self._sentences.push(known)

    def newline(self) -> None:
        self._release()
        self._sentences.newline()
        self._labels.newline()
        self._muted = False

    def item(self, event: ParserEvent) -> None:
        if isinstance(event, ParserNotice):
            self._guard.item(event)
            return
        if self._muted:
            return
        if isinstance(event, NarrationText):
            self._guard.anything_withheld = True
        if not (isinstance(event, NarrationText) and self._labels.holds_name):
            self._release_held()
        self._sentences.interrupt()
        self._guard.item(event)

    def withheld(self) -> None:
        self._guard.anything_withheld = True

    def stop(self) -> None:
        self._release()
        self._sentences.newline()
        self._guard.finish()

    def _release_held(self) -> None:
        if self._labels.held:
            self._release()

    def _release(self) -> None:
        for character in self._labels.release():
            self._sentences.push(character)

    def _label(self, label: Label) -> None:
        if label.role is Role.FOREIGN:
            self._guard.anything_withheld = True
            self._guard.notice("foreign_speaker", f"a line of {label.name} was left out: only {self._speaker} speaks")
            if self._guard.spoken:
                self._guard.finish()
            self._muted = True
        elif label.name != self._current and not (label.role is Role.OWN and self._current == self._speaker):
            self._current = self._speaker if label.role is Role.OWN else label.name
            self._guard.item(SpeakerChange(self._current))
