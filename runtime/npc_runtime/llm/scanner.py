"""The scanner: the machinery that `markdown` and `markup` build their states on.

A scanner is a state machine whose states are methods that take one character, `END` at the end of the stream. What
cannot be judged yet is kept in one bounded buffer; when the judgement is "ordinary text", the buffer is played again
from behind its opening mark. No buffer holds a second opening mark of its own kind, so a character is played at most
once per kind of mark and the work stays linear in the length of the stream.
"""

from collections.abc import Callable
from typing import Protocol

from npc_runtime.llm.reply import ParserEvent, ParserNotice

END = ""
"""Stands for the end of the stream where a character is expected."""


class Sink(Protocol):
    """Who takes the parts."""

    @property
    def at_start(self) -> bool:
        """Whether what comes next opens a sentence."""

    def text(self, character: str) -> None:
        """One character of speech; never a line break."""

    def newline(self) -> None:
        """A line break in the speech."""

    def item(self, event: ParserEvent) -> None:
        """A tag, a stage direction or a notice."""

    def withheld(self) -> None:
        """Text was left out that is neither a tag nor blank."""

    def stop(self) -> None:
        """The model's turn is over, whatever follows."""


class Scanner:
    """Takes characters through states; by itself it knows no markup.

    Args:
        sink: Takes the parts, in order.
        language: ISO 639-1 code; helps to know stage directions.
    """

    def __init__(self, sink: Sink, language: str) -> None:
        self._sink = sink
        self._language = language
        self._state: Callable[[str], None] = self._plain
        self._openers: dict[str, Callable[[str], None]] = {}
        self._line_openers: dict[str, Callable[[str], None]] = {}
        self._body: list[str] = []
        self._run = 0
        self._quote = ""
        self._at_start = True
        self._line_start = True
        self._previous = " "
        self._solid = " "

    def push(self, character: str) -> None:
        """Take one character, cleaned: a line break is a single newline character."""
        self._state(character)

    def end(self) -> None:
        """Take the end of the stream: decide all that is open."""
        while self._state != self._plain:
            self._state(END)

    def _plain(self, c: str) -> None:
        if c in self._openers:
            self._openers[c](c)
        elif self._line_start and c in self._line_openers:
            self._line_openers[c](c)
        elif c != END:
            self._say(c)

    def _say(self, c: str) -> None:
        self._previous = c
        if c == "\n":
            self._line_start = True
            self._solid = " "
            self._sink.newline()
            return
        if c != " ":
            self._line_start = False
            self._solid = c
        self._sink.text(c)

    def _begin(self, state: Callable[[str], None], first: str = "") -> None:
        self._body = [first] if first else []
        self._at_start = self._sink.at_start
        self._state = state

    def _take(self) -> str:
        text = "".join(self._body)
        self._body = []
        self._state = self._plain
        return text

    def _play(self, text: str) -> None:
        for character in text:
            self._state(character)

    def _go_on(self, c: str) -> None:
        if c != END:
            self._state(c)

    def _notice(self, message: str) -> None:
        self._sink.item(ParserNotice("malformed_tag", message))
