"""The chain: language models in order of preference, of which the next goes on where one fails, within one reply.

What is passed on ends at a word or a tag, so that no word comes twice and none is lost, whoever writes the next one.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import anyio

from npc_runtime.errors import EngineError, NpcError
from npc_runtime.failover import Switch, nobody
from npc_runtime.llm.backend import Completion, Delta, Finish, Message, ReplyFormat, knows
from npc_runtime.llm.fit import continued
from npc_runtime.llm.member import Member, first_able
from npc_runtime.llm.passage import Passage
from npc_runtime.spending import Spent

_WHAT = "answer"
_BUDGET = "The budget for services is used up."
_LATELY = "It is not ready yet."
_RECOVERED = "It works again."
_AGAIN = "It can be asked again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one session has to say about who answers, and wants to know."""

    may_spend: Callable[[], bool] = lambda: True
    """Whether services may be asked; asked at the beginning of a reply, never within one."""
    spent: Callable[[Spent], None] = lambda _: None
    """Told what each answer took, heard or not."""
    switched: Callable[[Switch], None] = lambda _: None
    """Told when another model than last time answers."""


class ModelChain:
    """Language models, the preferred one first.

    Requests are made for that one; others get them as far as they can use them.

    Args:
        members: At least one.
        terms: Of the session.
    """

    def __init__(self, members: Sequence[Member], terms: Terms | None = None) -> None:
        self.members = tuple(members)
        """Shared with the chains of other sessions."""
        self._preferred = self.members
        """In order of preference, whoever requests are made for."""
        self._terms = terms or Terms()
        self._last: dict[str, Member] = {}
        """Language → who answered in it last."""
        self._work: set[object] = set()
        """What is being done, by this chain and those of other sessions."""

    def on_terms(self, terms: Terms) -> "ModelChain":
        """The same models for one session, which closes nothing."""
        chain = ModelChain(self.members, terms)
        chain._work = self._work
        return chain

    def at_present(self, language: str) -> "ModelChain":
        """The same on the same terms, with whoever would answer now in a language as the one requests are made for."""
        first = first_able(self.versed(language), may_spend=self._terms.may_spend())
        if first is None or first is self.members[0]:
            return self
        chain = ModelChain([first, *(member for member in self.members if member is not first)], self._terms)
        chain._work, chain._last, chain._preferred = self._work, self._last, self._preferred
        return chain

    @property
    def name(self) -> str:
        """Of the preferred model."""
        return self.members[0].name

    @property
    def small(self) -> bool:
        """Whether requests are to be made for a small model."""
        return self.members[0].model.small

    @property
    def reply_format(self) -> ReplyFormat:
        """For which form of reply prompts must have the rules."""
        return self.members[0].model.reply_format

    def knows(self, language: str) -> bool:
        """Whether anybody who could answer now knows a language."""
        return first_able(self.versed(language), may_spend=self._terms.may_spend()) is not None

    def versed(self, language: str, members: Sequence[Member] | None = None) -> list[Member]:
        """Those who know a language, in the order of `members`, by default this chain's; everybody if it is empty."""
        return [one for one in members or self.members if not language or knows(one.model, language)]

    @property
    def busy(self) -> bool:
        """Whether it works."""
        return bool(self._work)

    async def start(self) -> None:
        """Start the first model that can be started, and in the background those that are to stand by.

        Raises:
            NpcError: None can be; how the preferred one fails.
        """
        failures: list[NpcError] = []
        for member in self.members:
            try:
                await member.start()
                break
            except Exception as error:
                failures.append(member.failed(error))
        else:
            raise failures[0]
        for member in self.members:
            if member.eager:
                member.prepare()

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        """Answer, whoever can. Each piece that a model writes gives one `Delta`, empty while no word is complete."""
        reply = _Reply(self, request, self._terms)
        self._work.add(reply)
        self._stand_by(request)
        try:
            yield reply
        finally:
            with anyio.CancelScope(shield=True):
                await reply.aclose()
            self._work.discard(reply)
            for member in reply.passed_over:
                member.prepare()

    async def warm(self, request: Completion, *, said: str = "") -> None:
        """Have the prompt read by whoever would answer; where that is a service, by who stands by here, too."""
        members = self.versed(request.language)
        member = first_able(members, may_spend=self._terms.may_spend())
        if member is None:
            return
        locally = [one for one in members if one.local and one.ready]
        self._work.add(work := object())
        try:
            for one in dict.fromkeys((member, *([] if member.local else locally[:1]))):
                await self._warm(one, request, said)
        finally:
            self._work.discard(work)

    def _stand_by(self, request: Completion) -> None:
        """While a service writes, let who stands by here read what it would have to: taking over, it writes at once."""
        members = self.versed(request.language)
        asked = first_able(members, may_spend=self._terms.may_spend())
        standby = next((one for one in members if one.local and one.ready), None)
        if asked is not None and not asked.local and standby is not None:
            standby.read_ahead(request, small=self.small)

    async def _warm(self, member: Member, request: Completion, said: str) -> None:
        if member.ready:
            whole = replace(request, messages=(*request.messages, Message("user", said)))
            await member.read(whole, small=self.small)

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, by the tokenizer of whoever would answer."""
        member = first_able(self.members, may_spend=True) or self.members[0]
        return await member.model.count(texts)

    async def aclose(self) -> None:
        """Stop all models."""
        for member in self.members:
            await member.aclose()

    def answers(self, member: Member, language: str, reason: NpcError | None, *, may_spend: bool) -> None:
        """Tell the session if another one answers in a language than last time.

        Args:
            member: Who has begun to.
            language: As `Completion.language`.
            reason: Why the one before it does not; None if that failed earlier.
            may_spend: Whether services were asked.
        """
        last = self._last.get(language) or next(iter(self.versed(language, self._preferred)), member)
        self._last[language] = member
        if last is member:
            return
        hint = ""
        if self._preferred.index(member) < self._preferred.index(last):
            why = _RECOVERED if member.trouble is not None else _AGAIN
        elif not may_spend and not last.local:
            why = _BUDGET
        else:
            known = reason or last.trouble
            why, hint = (known.message, known.hint) if known is not None else (_LATELY, "")
        self._terms.switched(Switch(last.name, member.name, why, hint))


class _Reply:
    """One reply, written by one model after another."""

    def __init__(self, chain: ModelChain, request: Completion, terms: Terms) -> None:
        self._chain = chain
        self._request = request
        self._terms = terms
        self._may_spend = terms.may_spend()
        self._passage = Passage(request.written)
        self._passed = ""
        self._tried: list[Member] = []
        self._failures: list[tuple[str, NpcError]] = []
        self._items = self._written()
        self.spent = Spent(model=chain.name)
        """All that it has taken."""
        self.writer: Member | None = None
        """Who writes, or has written last."""

    @property
    def passed_over(self) -> Sequence[Member]:
        """Those before whoever was asked last, who was not able to write either if there are failures and no writer."""
        members = self._chain.versed(self._request.language, self._chain._preferred)
        unable = self.writer is None and bool(self._failures)
        return members[: members.index(self._tried[-1]) + unable] if self._tried else ()

    def __aiter__(self) -> AsyncIterator[Delta | Finish]:
        return self

    async def __anext__(self) -> Delta | Finish:
        return await anext(self._items)

    async def aclose(self) -> None:
        """Stop whoever writes."""
        await self._items.aclose()

    async def _written(self) -> AsyncGenerator[Delta | Finish, None]:
        while True:
            rest = continued(self._request, self._passed, small=self._chain.small)
            if rest is None:
                yield self._finish(complete=True)
                return
            member = self._next()
            self._tried.append(member)
            answer = self._answer(member, rest)
            try:
                async for item in answer:
                    yield item
                    if isinstance(item, Finish):
                        return
            except _Failed:
                if rest_of_it := self._passage.broken_off():
                    yield self._pass_on(rest_of_it)
                self._passage = Passage(self._request.written + self._passed)
            finally:
                await answer.aclose()

    def _next(self) -> Member:
        """Who writes next: those who have not tried yet, before those of this machine who can be started again.

        Raises:
            EngineError: Nobody is left.
        """
        versed = self._chain.versed(self._request.language)
        members = [member for member in versed if member not in self._tried]
        again = [member for member in self._tried if member.local and self._tried.count(member) == 1]
        member = first_able(members, may_spend=self._may_spend) or first_able(again, may_spend=self._may_spend)
        if member is None:
            if not self._may_spend and not self._failures:
                raise EngineError(_BUDGET, hint="name a model of this machine in llm.fallback, or raise the budget")
            raise nobody(_WHAT, self._failures)
        return member

    async def _answer(self, member: Member, request: Completion) -> AsyncGenerator[Delta | Finish, None]:
        """What one of them writes.

        Raises:
            _Failed: It did not write all of it.
        """
        goes_on = bool(self._passed)
        pieces, finish, asked = 0, None, False
        member.breaker.enter()
        try:
            await member.start()
            request = await member.request(request, small=self._chain.small)
            async with member.model.stream(request) as items:
                asked = True
                async for item in items:
                    if self.writer is not member:
                        self.writer = member
                        reason = self._failures[-1][1] if self._failures else None
                        self._chain.answers(member, request.language, reason, may_spend=self._may_spend)
                    if isinstance(item, Finish):
                        finish = item
                        break
                    pieces += 1
                    text = item.text
                    if goes_on and self._passed[-1].isspace():
                        text = text.lstrip()
                    goes_on = goes_on and not text
                    yield self._pass_on(self._passage.take(text))
            if finish is None:
                raise EngineError(f"The answer of {member.name} broke off.")
            member.succeeded()
        except Exception as error:
            asked = False
            self._failures.append((member.name, member.failed(error)))
            raise _Failed from error
        except BaseException:  # enough was heard
            if pieces:
                member.succeeded()
            raise
        finally:
            member.breaker.left()
            self._add(member.spent(request, finish, pieces, read=asked))
        if text := self._passage.rest():
            yield self._pass_on(text)
        yield self._finish(complete=finish.complete)

    def _pass_on(self, text: str) -> Delta:
        self._passed += text
        return Delta(text)

    def _finish(self, *, complete: bool) -> Finish:
        spent = self.spent
        return Finish(
            complete=complete,
            model=spent.model,
            prompt_tokens=spent.prompt_tokens,
            cached_tokens=spent.cached_tokens,
            completion_tokens=spent.completion_tokens,
        )

    def _add(self, spent: Spent | None) -> None:
        if spent is None:
            return
        self._terms.spent(spent)
        total = self.spent
        costs = [one.cost for one in (total, spent) if one.cost is not None]
        self.spent = Spent(
            model=spent.model,
            prompt_tokens=total.prompt_tokens + spent.prompt_tokens,
            cached_tokens=total.cached_tokens + spent.cached_tokens,
            completion_tokens=total.completion_tokens + spent.completion_tokens,
            cost=sum(costs) if costs else None,
            local=spent.local,
        )


class _Failed(Exception):
    """Somebody has failed, and another one may go on."""
