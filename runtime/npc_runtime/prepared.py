"""Prepared speech: lines whose sound was made before anyone needs it, such as greetings, start at once."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

import anyio
import numpy as np
from numpy.typing import NDArray

from npc_runtime.cast import Mouth
from npc_runtime.content.character import CharacterFile, VoiceSpec
from npc_runtime.lane import BACKGROUND, LIVE
from npc_runtime.speech import ClipHead, ClipPiece, Samples, VoiceColour

_FULL_SCALE = 32767.0


@dataclass(frozen=True, slots=True)
class _Key:
    """A text, and all of a character that changes how it sounds."""

    text: str
    voice: VoiceSpec
    language: str


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A piece as it will be sent, in 16 bits: half the memory, and nothing that could be heard is lost."""

    pcm: NDArray[np.int16]
    rate: int
    last: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    head: ClipHead
    pieces: tuple[_Piece, ...]

    @property
    def size(self) -> int:
        """Bytes of sound."""
        return sum(piece.pcm.nbytes for piece in self.pieces)

    async def parts(self) -> AsyncIterator[ClipHead | ClipPiece]:
        """What the mouth gave when the line was made."""
        yield self.head
        for piece in self.pieces:
            yield ClipPiece(_samples(piece.pcm), piece.rate, piece.last)


class PreparedMouth:
    """A mouth that speaks prepared lines at once; whatever else it is asked for, the mouth behind it speaks.

    A line is one clause here, however many sentences it has: it is found again only by the same text, in the same
    language and with the same voice settings. It has the character's plain voice even where a colour is asked for: it
    was prepared to be there at once, which matters more for a greeting or a filler than how it is coloured.

    Args:
        mouth: The mouth behind it.
        limit_bytes: How much sound to keep; beyond it the line used longest ago goes. A second of speech takes about
            44 kB.
    """

    def __init__(self, mouth: Mouth, *, limit_bytes: int = 32 << 20) -> None:
        self._mouth = mouth
        self._limit = limit_bytes
        self._lines: OrderedDict[_Key, _Line] = OrderedDict()
        """The one used longest ago first."""
        self._size = 0
        self._making = anyio.Lock()

    def stream(
        self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[ClipHead | ClipPiece]]:
        """Speak one clause: see `Mouth.stream`. A prepared line sounds as it was prepared, whatever the colour."""
        line = self._used(_key(text, character))
        if line is not None:
            return nullcontext(line.parts())
        return self._mouth.stream(text, character, rank=rank, colour=colour)

    def held(self, text: str, character: CharacterFile) -> bool:
        """Whether a clause would start at once."""
        return _key(text, character) in self._lines

    async def prepare(self, lines: Iterable[tuple[str, CharacterFile]]) -> None:
        """Make the sound of lines, one after another, while nothing more urgent is to be spoken.

        Args:
            lines: Each text whole, as it will be asked for, and who speaks it. What is there already is not made again;
                a line that the voice fails on is left out: the turn that needs it will say what is wrong.
        """
        for text, character in lines:
            key = _key(text, character)
            async with self._making:
                if self._used(key) is not None:
                    continue
                line = await self._made(text, character)
                if line is not None:
                    self._keep(key, line)

    async def _made(self, text: str, character: CharacterFile) -> _Line | None:
        """A line with its sound; None if it has none, or not all of it."""
        head: ClipHead | None = None
        pieces: list[_Piece] = []
        try:
            async with self._mouth.stream(text, character, rank=BACKGROUND) as parts:
                async for part in parts:
                    if isinstance(part, ClipHead):
                        head = part
                    else:
                        pieces.append(_Piece(_pcm(part.audio), part.rate, part.last))
        except Exception:  # whatever is wrong with the voice, it is reported where somebody wants to hear it
            return None
        return _Line(head, tuple(pieces)) if head is not None and pieces and pieces[-1].last else None

    def _used(self, key: _Key) -> _Line | None:
        line = self._lines.get(key)
        if line is not None:
            self._lines.move_to_end(key)
        return line

    def _keep(self, key: _Key, line: _Line) -> None:
        if line.size > self._limit:
            return
        self._lines[key] = line
        self._size += line.size
        while self._size > self._limit:
            _, oldest = self._lines.popitem(last=False)
            self._size -= oldest.size


def _key(text: str, character: CharacterFile) -> _Key:
    return _Key(text, character.voice, character.language)


def _pcm(audio: Samples) -> NDArray[np.int16]:
    pcm: NDArray[np.int16] = np.rint(np.clip(audio, -1.0, 1.0) * _FULL_SCALE).astype(np.int16)
    return pcm


def _samples(pcm: NDArray[np.int16]) -> Samples:
    return pcm.astype(np.float32) / np.float32(_FULL_SCALE)
