"""Captions: a conversation as lines in the terminal, as it goes on."""

import shutil
import sys
from collections import deque
from collections.abc import Mapping

from npc_runtime import events
from npc_runtime.cli import console
from npc_runtime.cli.tongue import shown

_CALM = "neutral", "normal"
"""The emotion that needs no mention as long as there was no other."""
_PROMPT = "> "
_TYPED = 8


class Captions:
    """Prints the events of a session: what is said and done on stdout, what went wrong on stderr.

    Args:
        names: Names of characters by id.
        echoed: Whether the terminal already shows what is typed.
        prompt: Whether to show when a line may be typed.
    """

    def __init__(self, names: Mapping[str, str], *, echoed: bool, prompt: bool) -> None:
        self._names = names
        self._echoed = echoed
        self._prompt = prompt
        self._in_place = sys.stdout.isatty()
        self._unfinished = False
        """Whether the last line may still be replaced."""
        self._open = False
        """Whether the last line may still be continued."""
        self._typed: deque[str] = deque(maxlen=_TYPED)
        """Lines on the terminal that have not come back as heard."""
        self._character = ""
        self._speaker = -1
        """The turn whose name stands before the last lines."""
        self._feelings: dict[str, tuple[str, str]] = {}
        self._changed: dict[str, str] = {}
        """Changes of emotion that go before the next line of a character."""

    def typed(self, text: str) -> None:
        """A person has typed a line, and its end with it."""
        self._unfinished = self._open = False
        self._speaker = -1
        if self._echoed:
            self._typed.append(text)

    def ready(self) -> None:
        """Show that a line may be typed."""
        if self._prompt:
            self._clear()
            sys.stdout.write(_PROMPT)
            self._unfinished = True
            console.flush()

    def close(self) -> None:
        """End on a line of its own."""
        if self._unfinished:
            self._line("")
        self._clear()

    def show(self, event: events.Event) -> None:
        """Print what an event means to a person."""
        match event:
            case events.Heard():
                self._heard(event)
            case events.TurnBegin():
                self._character = event.character
            case events.Emotion():
                self._feel(event)
            case events.Say():
                self._say(event.turn, event.text)
            case events.Narration():
                self._by(event.turn, f"({event.text})")
            case events.Action():
                values = "".join(f" {key}={value}" for key, value in event.args.items())
                asks = f"  ({shown('the game must confirm')})" if event.needs_confirm else ""
                self._by(event.turn, f"→ {event.name}{values}{asks}")
            case events.Notice():
                self.trouble("notice", event.message, event.hint)
            case events.Error():
                self.trouble("error", event.message, event.hint)
            case events.TurnEnd():
                self._clear()
                console.flush()
                self.ready()
            case _:
                pass

    def trouble(self, kind: str, message: str, hint: str) -> None:
        """Say on stderr what is wrong, and what to do about it."""
        self._clear()
        console.flush()
        console.trouble(kind, shown(message), shown(hint))

    def _heard(self, event: events.Heard) -> None:
        if not event.final:
            self._partial(event.text)
        elif event.text in self._typed:
            self._typed.remove(event.text)
        elif event.text:
            self._speaker = -1
            self._line(f"{shown('You')}: {event.text}")
        elif event.reason == "unclear":
            self._speaker = -1
            self._line(f"{shown('You')}: ({shown('not understood')})")
        elif self._unfinished:
            self._clear()
            console.flush()

    def _partial(self, text: str) -> None:
        """Show words that may still change, where lines can be replaced."""
        if self._in_place:
            from rich.cells import cell_len, set_cell_size

            if self._open:
                self._clear()
            width = _width()
            line = f"{shown('You')}: {text} …"
            while text and cell_len(line) > width:  # the newest words are the last
                text = text[1:]
                line = f"{shown('You')}: … {text} …"
            sys.stdout.write("\r" + set_cell_size(line, width))
            self._unfinished = True
            console.flush()

    def _feel(self, event: events.Emotion) -> None:
        label, strength = feeling = event.label, event.strength
        if self._feelings.get(event.character, _CALM) != feeling:
            word = label.replace("_", " ")
            words = shown(word if strength == "normal" else f"{strength} {word}")
            self._changed[event.character] = f"[{words}] "
        self._feelings[event.character] = feeling

    def _say(self, turn: int, text: str) -> None:
        """Add to what the character says; a clause may end in the middle of a sentence."""
        if self._open and self._speaker == turn:
            sys.stdout.write(f" {self._changed.pop(self._character, '')}{text}")
        else:
            self._clear()
            sys.stdout.write(self._signed(turn) + text)
        self._open = True
        console.flush()

    def _by(self, turn: int, text: str) -> None:
        """A line of the character whose turn it is."""
        self._line(self._signed(turn) + text)

    def _signed(self, turn: int) -> str:
        """What goes before a line of the character whose turn it is: the name where somebody else was last."""
        name = self._names.get(self._character, self._character)
        sign = "  " if self._speaker == turn else f"{name}: "
        self._speaker = turn
        return sign + self._changed.pop(self._character, "")

    def _line(self, text: str) -> None:
        self._clear()
        console.out(text)
        console.flush()

    def _clear(self) -> None:
        """Go to the start of an empty line."""
        if self._open:
            self._open = False
            console.out()
        if self._unfinished:
            self._unfinished = False
            sys.stdout.write("\r" + " " * _width() + "\r")


def _width() -> int:
    """Columns of the terminal, without the last: to write there would begin a new line."""
    return shutil.get_terminal_size().columns - 1
