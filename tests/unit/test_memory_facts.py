"""Facts: what holds when, after people moved, died, and were talked about."""

import pytest

from npc_runtime.character.memory.facts import standing
from npc_runtime.character.memory.recall import Recall
from npc_runtime.character.memory.records import Changes, Experience, Fact
from npc_runtime.character.memory.store import MemoryStore

DAY = 86400.0
WAR = 100 * DAY


def lives(place: str | None, since: float, *, until: float | None = None, sure: float = 1.0, id: int = 0) -> Fact:
    return Fact(
        subject="Anna", predicate="lives in", object=place, valid_from=since, valid_to=until, confidence=sure, id=id
    )


def likes(what: str, since: float, *, until: float | None = None, id: int = 0) -> Fact:
    return Fact(subject="Anna", predicate="likes", object=what, valid_from=since, valid_to=until, several=True, id=id)


def true(facts: list[Fact], at: float) -> set[str | None]:
    return {fact.object for fact in standing(facts, at).values()}


MOVES = [lives("Hollowfen", 0, id=1), lives("Grauwasser", WAR, id=2), lives("Oakhurst", 2 * WAR, id=3)]


@pytest.mark.parametrize(
    ("at", "place"),
    [(0, "Hollowfen"), (WAR - 1, "Hollowfen"), (WAR, "Grauwasser"), (2 * WAR, "Oakhurst"), (9 * WAR, "Oakhurst")],
)
def test_after_two_moves_each_time_has_its_place(at: float, place: str) -> None:
    assert true(MOVES, at) == {place}
    assert true(MOVES[::-1], at) == {place}


def test_before_it_became_true_nothing_is_known() -> None:
    assert true(MOVES, -1) == set()


def test_what_is_learned_later_about_an_earlier_time_changes_that_time_only() -> None:
    facts = [*MOVES, lives("the castle", WAR + DAY, until=WAR + 2 * DAY, id=4)]
    assert true(facts, WAR + DAY) == {"the castle"}
    assert true(facts, WAR + 3 * DAY) == {"Grauwasser"}
    assert true(facts, 3 * WAR) == {"Oakhurst"}


def test_of_the_same_moment_the_more_certain_holds_and_then_the_later_told() -> None:
    assert true([lives("here", 0, sure=0.9, id=1), lives("there", 0, sure=0.5, id=2)], 1) == {"here"}
    assert true([lives("here", 0, id=1), lives("there", 0, id=2)], 1) == {"there"}


def test_nothing_may_be_so_from_then_on() -> None:
    assert true([*MOVES, lives(None, 3 * WAR, id=4)], 3 * WAR) == set()


def test_several_things_hold_at_a_time_and_each_can_end() -> None:
    facts = [likes("apples", 0, id=1), likes("horses", DAY, id=2), likes("Apples", 0, until=2 * DAY, id=3)]
    assert true(facts, DAY) == {"Apples", "horses"}
    assert true(facts, 2 * DAY) == {"horses"}


def test_names_are_the_same_however_they_are_written() -> None:
    again = Fact(subject=" ANNA ", predicate="lives_in", object="Oakhurst", valid_from=WAR, id=2)
    assert true([lives("Hollowfen", 0, id=1), again], WAR) == {"Oakhurst"}


def test_where_does_anna_live_now_and_before_the_war() -> None:
    with MemoryStore(None) as store:
        for fact in (*MOVES, likes("horses", 0)):
            moved = Experience(
                npc="tom", player="ann", game_time=fact.valid_from, kind="event", text="Anna has news.", facts=(fact,)
            )
            store.commit(Changes(experiences=(moved,)))
        recall = Recall(store)

        def places(at: float, player: str = "ann", question: str = "Where does Anna live?") -> list[str | None]:
            found = recall.facts(question, npc="tom", player=player, at=at, language="en")
            return [fact.object for fact in found if fact.predicate == "lives in"]

        assert places(3 * WAR) == ["Oakhurst"]
        assert places(WAR - DAY) == ["Hollowfen"]
        assert places(3 * WAR, player="bob") == []
        assert places(3 * WAR, question="How is the weather?") == []
        best = recall.facts("Where does Anna live?", npc="tom", player="ann", at=3 * WAR, language="en", limit=1)
        assert [(fact.object, fact.source) for fact in best] == [("Oakhurst", store.recent("tom", "ann")[-2].id)]
