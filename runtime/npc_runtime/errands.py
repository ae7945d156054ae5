"""Errands: the actions that the game was asked for, who waits to hear how they went, and what is remembered of them."""

import math
from dataclasses import dataclass, field

import anyio
import anyio.abc
import anyio.lowlevel

from npc_runtime import events
from npc_runtime.actions.requests import Answer, Ended, Outcome, Requests, Status
from npc_runtime.aftermath import account_of
from npc_runtime.cast import Cast
from npc_runtime.clock import Clock
from npc_runtime.deeds import Deeds
from npc_runtime.errors import NpcError
from npc_runtime.lives import Life, Lived
from npc_runtime.outgoing import Outgoing
from npc_runtime.scene import Scene


@dataclass(slots=True, eq=False)
class _Waiting:
    """Somebody who waits to hear how an action went."""

    over: anyio.Event = field(default_factory=anyio.Event)
    outcome: Outcome = field(default_factory=lambda: Outcome("timed_out"))
    character: str = ""
    tiding: str = ""
    """What the character is told of it if the wait is given up."""


class Errands:
    """The actions of one session; `run` ends those that the game says nothing about.

    Args:
        deeds: What the characters have done.
        outgoing: Where everything for the game leaves.
        tasks: Where the work is done.
        clock: Time.
        expected: Whether the game says how actions went; if not, all of them count as done.
    """

    def __init__(
        self, deeds: Deeds, outgoing: Outgoing, tasks: anyio.abc.TaskGroup, clock: Clock, *, expected: bool
    ) -> None:
        self.expected = expected
        """Whether the game says how actions went."""
        self._deeds = deeds
        self._outgoing = outgoing
        self._tasks = tasks
        self._clock = clock
        self._requests = Requests()
        self._casts: dict[str, Cast] = {}
        """Who is at it, for every action that is under way."""
        self._waiting: dict[str, _Waiting] = {}
        self._changed = anyio.Event()

    def undertaken(self, action: events.Action, cast: Cast) -> None:
        """An action has left for the game."""
        self._casts[action.id] = cast
        if not self.expected:
            self._over(Ended(action, Outcome("done")))
            return
        patience = next(one.timeout for one in cast.actions if one.name == action.name)
        for ended in self._requests.left(action, patience, self._clock.now()):
            self._over(ended)
        self._changed.set()

    def impossible(self, action: events.Action, cast: Cast, reason: str) -> None:
        """An action has not left for the game, as it is not possible any more."""
        self._casts[action.id] = cast
        self._over(Ended(action, Outcome("refused", reason=reason)))

    async def outcome(self, id: str) -> Outcome:
        """Wait until it is known how an action went, be it that it has yet to leave.

        Whoever hears of it here tells the character.
        """
        waiting = self._waiting[id] = _Waiting()
        try:
            await waiting.over.wait()
            await anyio.lowlevel.checkpoint_if_cancelled()  # a turn that is over meanwhile tells nobody
        finally:
            if self._waiting.get(id) is waiting:  # a turn that was taken back may unwind when the next has its number
                del self._waiting[id]
        self._deeds.heard(waiting.character, (waiting.tiding,))
        return waiting.outcome

    def confirm(self, id: str, allow: bool) -> None:
        """The game consents to an action, or does not.

        Raises:
            InputError: It was not asked for, or is over.
        """
        answer = self._requests.confirmed(id, allow, self._clock.now())
        if isinstance(answer, Ended):
            self._over(answer)
            return
        self._outgoing.put(answer)
        self._changed.set()
        if not answer.needs_result:  # nothing more has to be known
            self._wake(id, Outcome("done"))

    def tell(self, id: str, status: Status, *, message: str | None = None, result: Answer | None = None) -> None:
        """The game says how an action went.

        Raises:
            InputError: There is no such action, or it is over.
        """
        self._over(self._requests.told(id, Outcome.told(status, message, result)))

    def forget(self) -> None:
        """The story is another one: nothing of what is under way belongs to it."""
        self._requests.abandon()
        self._casts.clear()

    def close(self) -> None:
        """The game is gone."""
        for ended in self._requests.abandon():
            self._over(ended)

    async def run(self) -> None:
        """End what the game says nothing about, until cancelled."""
        while True:
            self._changed = anyio.Event()
            due = self._requests.due
            with anyio.move_on_after(math.inf if due is None else max(0.0, due - self._clock.now())):
                await self._changed.wait()
            for ended in self._requests.expired(self._clock.now()):
                self._over(ended)

    def _over(self, ended: Ended) -> None:
        action, outcome = ended.action, ended.outcome
        cast = self._casts.pop(action.id)
        account = account_of(cast, action.name, action.args, action.target, outcome)
        if outcome.status != "done":
            self._deeds.undo(cast.id, action.name, action.id)
            self._outgoing.put(
                events.Notice(code=f"action_{outcome.status}", message=account.report, turn=action.turn or None)
            )
        self._wake(action.id, outcome, cast.id, account.tiding)
        if cast.life.goes_on:  # no save game was loaded meanwhile
            if account.tiding:
                self._deeds.inform(cast.id, (account.tiding,))
            self._tasks.start_soon(self._remember, cast.life, account.words, cast.scene)

    def _wake(self, id: str, outcome: Outcome, character: str = "", tiding: str = "") -> None:
        """Tell whoever waits for an action."""
        if (waiting := self._waiting.get(id)) is not None:
            waiting.outcome, waiting.character, waiting.tiding = outcome, character, tiding
            waiting.over.set()

    async def _remember(self, life: Life, words: str, scene: Scene) -> None:
        """What was done is kept, though the game goes away meanwhile."""
        with anyio.CancelScope(shield=True):
            try:
                await life.record([Lived(words, "seen", kind="action")], scene)
            except NpcError as error:
                self._outgoing.put(events.Notice(code=error.code, message=error.message, hint=error.hint))
