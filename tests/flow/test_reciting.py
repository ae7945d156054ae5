"""Characters whose language the model does not know: what they say instead, that nobody asks it, and what is told."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.flow.test_turn import Ears, Mind, Mouth

from npc_runtime import events
from npc_runtime.breaker import Breaker
from npc_runtime.character.barks import remarks, unanswered, while_acting
from npc_runtime.clock import MonotonicClock
from npc_runtime.content.library import Library
from npc_runtime.errors import ServiceError
from npc_runtime.interview import Interview
from npc_runtime.llm.backend import Completion, LanguageModel
from npc_runtime.llm.chain import ModelChain, Terms
from npc_runtime.llm.member import Member
from npc_runtime.resources import bundled
from npc_runtime.session import Session
from npc_runtime.speech import Transcript

pytestmark = pytest.mark.anyio

LUC = """
name: Luc
language: fr
persona: {summary: Un meunier.}
style: {sample_lines: ["Le pain est chaud."]}
"""
OLGA = """
name: Olga
language: de-AT
persona: {summary: Eine Wirtin.}
actions: [open_trade]
knowledge: {facts: ["Der Keller ist feucht.", "Das Bier kommt aus Lindau."], packs: [haus]}
goals:
  - id: trade
    when: {keyword: [handeln]}
    do: [{instruct: "Nenne den Preis."}, {action: open_trade}]
"""


class English(Mind):
    """Knows English alone."""

    def __init__(self, *replies: Sequence[str | Exception]) -> None:
        super().__init__(*replies, small=True)
        self.warmed: list[Completion] = []

    def knows(self, language: str) -> bool:
        return language.startswith("en")

    async def warm(self, request: Completion, *, said: str = "") -> None:
        self.warmed.append(request)


class Play:
    """A session with the bundled characters and some more."""

    def __init__(self, folder: Path, mind: LanguageModel) -> None:
        for path, text in (
            ("characters/luc.yaml", LUC),
            ("characters/olga.yaml", OLGA),
            ("knowledge/haus.yaml", "facts:\n  - {text: Ein Zimmer hat zwei Betten., always: true}\n"),
        ):
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        self.library = Library.load([folder, bundled()])
        assert self.library.problems == ()
        self.events: list[events.Event] = []
        ears = Ears(Transcript("", "en", reason="silence"))
        self.session = Session(self.library, ears=ears, mind=mind, mouth=Mouth(), emit=self.events.append)

    async def say(self, to: str, text: str) -> str:
        """What is answered."""
        self.events.clear()
        await Interview(self.session).say(to, text)
        end = self.events[-2]
        assert isinstance(end, events.TurnEnd) and end.reason == "done" and end.usage is None
        return end.text

    @property
    def told(self) -> list[str]:
        """Codes of the notices of the last turn."""
        return [event.code for event in self.events if isinstance(event, events.Notice)]


async def test_they_say_what_they_know_word_for_word_and_else_lines_that_are_there(
    tmp_path: Path,
) -> None:
    mind = English()
    play = Play(tmp_path, mind)
    henrike, zeynep = play.library.character("henrike"), play.library.character("zeynep")
    assert await play.say("henrike", "Was kostet ein Sack Mehl?") == henrike.knowledge.facts[2]
    assert await play.say("henrike", "Wie heißt du?") == "Ich bin Henrike Stolberg."
    assert await play.say("henrike", "Guten Tag!") in henrike.barks.greet
    assert await play.say("henrike", "Warst du schon einmal am Meer?") in unanswered(henrike)
    assert await play.say("henrike", "Heute ist es aber kalt.") in henrike.style.sample_lines
    assert await play.say("zeynep", "Bir bardak çay ne kadar?") == zeynep.knowledge.facts[1]
    assert await play.say("zeynep", "Adın ne?") == "Ben Zeynep Usta."
    assert await play.say("zeynep", "Denizi gördün mü?") in unanswered(zeynep)
    await play.session.approach("henrike", said="Was kostet")
    assert not mind.requests and not mind.warmed


async def test_it_is_told_once_for_each_language(tmp_path: Path) -> None:
    play = Play(tmp_path, English())
    told = []
    for to, text in (("henrike", "Na?"), ("henrike", "So?"), ("zeynep", "Peki?"), ("olga", "Na?"), ("henrike", "Na?")):
        await play.say(to, text)
        told.append("language_model" in play.told)
    assert told == [True, False, True, True, False]


async def test_nothing_is_told_where_the_author_says_it_all(tmp_path: Path) -> None:
    play = Play(tmp_path, English())
    assert await play.say("henrike", "Was ist mit Veit?") == "Veit fährt das Mehl. Mehr gibt es da nicht zu sagen."
    assert play.told == []


async def test_facts_are_not_told_twice_in_a_row_unless_they_are_asked_for(tmp_path: Path) -> None:
    play = Play(tmp_path, English())
    olga = play.library.character("olga")
    fact = "Das Bier kommt aus Lindau."
    assert await play.say("olga", "Woher kommt das Bier?") == fact
    assert await play.say("olga", "Woher kommt das Bier noch einmal?") == fact
    assert await play.say("olga", "Das Bier aus Lindau mag ich.") in remarks(olga)


async def test_what_is_always_known_is_only_said_when_it_is_asked_for(tmp_path: Path) -> None:
    play = Play(tmp_path, English())
    assert await play.say("olga", "Warst du schon einmal am Meer?") in unanswered(play.library.character("olga"))
    assert await play.say("olga", "Wie viele Betten hat ein Zimmer?") == "Ein Zimmer hat zwei Betten."


async def test_goals_go_on_without_the_model(tmp_path: Path) -> None:
    play = Play(tmp_path, English())
    olga = play.library.character("olga")
    assert await play.say("olga", "Wollen wir handeln?") in while_acting(olga)
    assert [event.name for event in play.events if isinstance(event, events.Action)] == ["open_trade"]


async def test_a_language_without_lines_of_ours_has_its_authors(tmp_path: Path) -> None:
    play = Play(tmp_path, English())
    assert await play.say("luc", "Vous êtes allé à la mer ?") == "Le pain est chaud."


async def test_english_is_left_to_the_model(tmp_path: Path) -> None:
    mind = English(["Aye. What do you want?"])
    play = Play(tmp_path, mind)
    await Interview(play.session).say("barnaby", "It is cold today.")
    assert len(mind.requests) == 1 and "language_model" not in play.told
    await play.session.approach("barnaby")
    assert len(mind.warmed) == 1


async def test_a_service_that_knows_it_answers_and_nobody_stands_in_who_does_not(tmp_path: Path) -> None:
    silent = ServiceError("It refuses the key.", hint="check the key", failing="key")
    service, here = Mind(["[emotion joy] Ja, gern."], [silent]), English(["Me speak German good."])
    members = [Member(service, Breaker(MonotonicClock())), Member(here, Breaker(MonotonicClock()), local=True)]
    chain = ModelChain(members)
    play = Play(tmp_path, chain)
    await Interview(play.session).say("henrike", "Heute ist es aber kalt.")
    assert any(isinstance(event, events.Say) and event.text == "Ja, gern." for event in play.events)
    play.events.clear()
    await Interview(play.session).say("henrike", "Morgen wird es wärmer.")
    end = next(event for event in play.events if isinstance(event, events.TurnEnd))
    assert end.reason == "failed" and end.text in play.library.character("henrike").barks.failed
    assert not here.requests
    # The service is left alone for a while: until then there is nobody who knows German.
    assert await play.say("henrike", "Heute ist es aber kalt.") in play.library.character("henrike").style.sample_lines
    assert play.told == ["language_model"] and not here.requests


async def test_a_budget_that_is_used_up_leaves_what_is_written() -> None:
    here = English()
    members = [Member(Mind(), Breaker(MonotonicClock())), Member(here, Breaker(MonotonicClock()), local=True)]
    chain = ModelChain(members)
    poor = chain.on_terms(Terms(may_spend=lambda: False))
    assert chain.knows("de") and not poor.knows("de") and poor.knows("en")
    await poor.warm(Completion(messages=(), language="de"))
    assert not here.warmed
