"""Errands: the actions that the game was asked for, who waits to hear how they went, and what is remembered of them."""

import anyio
import anyio.abc

from npc_runtime import events
from npc_runtime.accounts import Account
from npc_runtime.actions.requests import Answer, Ended, Outcome, Requests, Status
from npc_runtime.aftermath import names_in
from npc_runtime.clock import Clock
from npc_runtime.errors import NpcError
from npc_runtime.lives import Lived
from npc_runtime.outgoing import Outgoing
from npc_runtime.session import Session

_NEVER = 3600.0
"""Seconds; nothing is under way."""


class Errands:
    """The actions of one session; `run` ends those that the game says nothing about.

    Args:
        session: What the player and the characters share.
        outgoing: Where actions leave for the game.
        tasks: Where the work is done.
        clock: Time.
    """

    def __init__(self, session: Session, outgoing: Outgoing, tasks: anyio.abc.TaskGroup, clock: Clock) -> None:
        self._session = session
        self._outgoing = outgoing
        self._tasks = tasks
        self._clock = clock
        self._requests = Requests()
        self._waiting: dict[str, anyio.Event] = {}
        self._outcomes: dict[str, Outcome] = {}
        """Of those that somebody waits for."""
        self._changed = anyio.Event()
        outgoing.watch(self._follow)

    async def outcome(self, id: str) -> Outcome:
        """Wait until an action is over, be it that it has yet to leave."""
        over = self._waiting[id] = anyio.Event()
        try:
            await over.wait()
            return self._outcomes[id]
        finally:
            del self._waiting[id]
            self._outcomes.pop(id, None)

    def confirm(self, id: str, allow: bool) -> None:
        """The game consents to an action, or does not.

        Raises:
            InputError: It was not asked for, or is over.
        """
        answer = self._requests.confirmed(id, allow, self._clock.now())
        if isinstance(answer, Ended):
            self._over(answer)
        else:
            self._outgoing.put(answer)
            self._changed.set()

    def tell(self, id: str, status: Status, *, message: str | None = None, result: Answer | None = None) -> None:
        """The game says how an action went.

        Raises:
            InputError: There is no such action, or it is over.
        """
        self._over(self._requests.told(id, Outcome.told(status, message, result)))

    def abandon(self) -> None:
        """End whatever is under way: nobody answers any more, or the story is another one."""
        for ended in self._requests.abandon():
            self._wake(ended)

    async def run(self) -> None:
        """End what the game says nothing about, until cancelled."""
        while True:
            self._changed = anyio.Event()
            due = self._requests.due
            with anyio.move_on_after(_NEVER if due is None else max(0.0, due - self._clock.now())):
                await self._changed.wait()
            for ended in self._requests.expired(self._clock.now()):
                self._over(ended)

    def _follow(self, event: events.Event) -> None:
        """An event is on its way to the game."""
        if isinstance(event, events.Action) and not self._requests.knows(event.id):
            patience = self._session.patience(event.character, event.name)
            for ended in self._requests.left(event, patience, self._clock.now()):
                self._over(ended)
            self._changed.set()

    def _over(self, ended: Ended) -> None:
        action, outcome = ended.action, ended.outcome
        session = self._session
        names = names_in(session.scene, session.player)
        account = Account(action.name, action.args, outcome, names, session.player.name, action.target)
        if outcome.status != "done":
            session.deeds.undo(action.character, action.name)
            about = f"{account.deed}: {outcome.message}" if outcome.message else account.deed
            self._outgoing.put(
                events.Notice(code=f"action_{outcome.status}", message=f"{about}.", turn=action.turn or None)
            )
        spoken = self._wake(ended)
        if not spoken and (outcome.status != "done" or outcome.result):
            session.deeds.inform(action.character, account.tiding)
        self._tasks.start_soon(self._remember, action.character, account.words)

    def _wake(self, ended: Ended) -> bool:
        """Tell whoever waits for an action.

        Returns:
            Whether anybody does: it will be spoken about then.
        """
        waiting = self._waiting.get(ended.action.id)
        if waiting is None:
            return False
        self._outcomes[ended.action.id] = ended.outcome
        waiting.set()
        return True

    async def _remember(self, character: str, words: str) -> None:
        try:
            life = self._session.life_of(character)
            await life.record([Lived(words, "seen", kind="action")], self._session.scene)
        except NpcError as error:  # it cannot be written, or the character is gone
            self._outgoing.put(events.Notice(code=error.code, message=error.message, hint=error.hint))
