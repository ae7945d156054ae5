"""A service that dies at one point of a reply, and what a player hears of a turn to which that happened."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from tests._fault_server import Answer, Drop, FaultServer, Pause, Step, chunk, reply
from tests.engines._serving import Game, Server, ends, is_heard, played, sounds

KEY = "sk-never-tell-anybody-0123456789"
WHO = "ansel"
LINE = "Which herbs are good for a deep wound?"
TEXT = (
    "[emotion tension normal] Oh, that looks bad, so please sit down over there. [emotion interest weak] Bogmoss keeps "
    "such wounds clean, if somebody changes every bandage once a day."
)
"""What the service writes."""
PIECES = re.findall(r"\s*[^\s\]]{1,5}\]?", TEXT)
PROMPT_TOKENS, REPLY_TOKENS = 900, 40
LONG = 60.0
"""Seconds that a service which hangs says nothing; longer than anybody waits."""


@dataclass(frozen=True)
class Point:
    """Where a service dies."""

    sent: int
    """Pieces of the reply that it sends before; -1: not even the headers."""
    within: bool = False
    """Whether it dies within the line of the next one."""
    hangs: bool = False
    """Whether it only falls silent."""


@dataclass
class Told:
    """What came of one turn."""

    said: list[str] = field(default_factory=list)
    """The text of each clause."""
    notices: list[dict[str, str]] = field(default_factory=list)
    reason: str = ""
    model: str = ""
    cost: float | None = None
    delay_ms: float = 0.0
    """From the death until another model wrote; 0 if that never happened."""

    @property
    def switched(self) -> bool:
        """Whether somebody took over."""
        return any(notice["code"] == "switched" for notice in self.notices)


class Dying:
    """Lets a service die, and plays one turn after another.

    Args:
        server: The runtime.
        service: Which answers well, or dies.
        game: Connected to the server that asks it.
    """

    def __init__(self, server: Server, service: FaultServer, game: Game) -> None:
        self._server = server
        self._service = service
        self._game = game
        self._died = 0.0

    async def turn(self, point: Point | None, *, line: str = LINE, prompt_tokens: int = PROMPT_TOKENS) -> Told:
        """One turn; the service is well without a point."""
        await self._server.idle(within=LONG)  # as players do, who think before they speak
        self._died = 0.0
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": REPLY_TOKENS}
        good = Answer(reply(*PIECES, usage=usage))
        self._service.script(good if point is None else self._fatal(point))
        await self._game.send("player.text", text=line, to=WHO)
        told, heard, switched = Told(), False, 0.0
        while True:
            message, pcm = await self._game.receive()
            heard = heard or is_heard(message)
            if sounds(message):
                await self._game.send("playback", **played(message, pcm))
            elif message["type"] in ("notice", "error"):
                told.notices.append(message)
                if message["code"] == "switched" and self._died and not switched:
                    switched = time.monotonic()
                    told.delay_ms = (switched - self._died) * 1000
            elif message["type"] == "say" and not message.get("filler"):
                told.said.append(message["text"])
            elif ends(message) and heard:
                told.reason = message["reason"]
                took = message.get("usage") or {}
                told.model, told.cost = str(took.get("model", "")), took.get("cost")
                return told

    def _fatal(self, point: Point) -> Answer:
        if point.sent < 0:
            return Answer(partial(self._end, point), raw=True)
        return Answer(partial(self._steps, point))

    def _steps(self, point: Point) -> Iterator[Step]:
        for piece in PIECES[: point.sent]:
            yield chunk(piece)
            yield Pause(0.004)  # as tokens come: one by one
        if point.within:
            yield chunk(PIECES[point.sent])[:40]
        yield from self._end(point)

    def _end(self, point: Point) -> Iterator[Step]:
        self._died = time.monotonic()
        yield Pause(LONG) if point.hangs else Drop()


def points(count: int) -> Sequence[Point]:
    """So many points, spread over the reply; every third is within a line."""
    last = len(PIECES)
    spread = [round(step * last / max(count - 2, 1)) for step in range(count - 1)]
    return [Point(-1), *(Point(sent, within=number % 3 == 2 and sent < last) for number, sent in enumerate(spread))]


def words(texts: Sequence[str]) -> list[str]:
    """The words of clauses, as they are heard."""
    return re.findall(r"[a-z']+", " ".join(texts).lower())


def twice(told: Told) -> bool:
    """Whether what the service had said when it died was said once more right behind it."""
    heard, written = words(told.said), words([re.sub(r"\[[^\]]*\]", " ", TEXT)])
    seam = 0
    while seam < min(len(heard), len(written)) and heard[seam] == written[seam]:
        seam += 1
    return any(heard[seam - length : seam] == heard[seam : seam + length] for length in range(1, seam + 1))
