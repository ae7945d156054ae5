"""Digests: conversations become summaries when they are over or long, and summaries become one of several."""

from npc_runtime.character.memory.digest import LEFT, LENGTH, LENGTH_OF_SEVERAL, LONG, SHORT, TOGETHER, digest
from npc_runtime.character.memory.records import Changes, Experience
from npc_runtime.character.memory.store import MemoryStore
from npc_runtime.lane import Stopped, Ticket

NAMES = {"ann": "Anna", "brynja": "Brynja"}


def talk(store: MemoryStore, *texts: str, at: float = 0.0) -> tuple[int, ...]:
    """The player and the character in turn."""
    said = [
        Experience(
            npc="brynja",
            player="ann",
            game_time=at + number,
            kind="dialogue",
            text=text,
            source="said" if number % 2 else "heard",
        )
        for number, text in enumerate(texts)
    ]
    return store.commit(Changes(experiences=tuple(said)))


def digested(store: MemoryStore, *, over: bool, ticket: Ticket | None = None) -> None:
    digest(store, "brynja", "ann", "en", NAMES, over=over, check=(ticket or Ticket()).check)


HAMMER = ("I will bring you my brother's hammer.", "Promise me that.", "I promise.", "Good.")


def test_what_was_promised_is_in_the_summary() -> None:
    store = MemoryStore(None)
    ids = talk(store, *HAMMER, at=7.0)
    digested(store, over=True)
    [made] = store.summaries("brynja", "ann")
    assert made.text.startswith("Anna: I will bring you my brother's hammer.\nBrynja: Promise me that.")
    assert (made.level, made.first, made.last, made.game_time) == (1, ids[0], ids[-1], 10.0)
    digested(store, over=True)
    assert store.summaries("brynja", "ann") == [made]


def test_a_few_words_wait_for_more() -> None:
    store = MemoryStore(None)
    talk(store, *HAMMER[: SHORT - 1])
    digested(store, over=True)
    assert store.summaries("brynja", "ann") == []
    talk(store, *HAMMER)
    digested(store, over=True)
    assert len(store.summaries("brynja", "ann")) == 1


def test_a_conversation_that_goes_on_is_summarised_once_it_is_long() -> None:
    store = MemoryStore(None)
    talk(store, *(f"The wolf of hill {number} howls." for number in range(LONG - 1)))
    digested(store, over=False)
    assert store.summaries("brynja", "ann") == []
    ids = talk(store, "And the last one, too.")
    digested(store, over=False)
    [made] = store.summaries("brynja", "ann")
    assert made.last == ids[-1]
    assert len(made.text) <= LENGTH


def test_what_was_said_to_others_or_merely_seen_is_no_part_of_it() -> None:
    store = MemoryStore(None)
    talk(store, *HAMMER)
    seen = Experience(npc="brynja", player="ann", game_time=9.0, kind="event", text="The mill burns.", source="seen")
    other = Experience(npc="brynja", player="bob", game_time=9.0, kind="dialogue", text="I am Bob.", source="heard")
    store.commit(Changes(experiences=(seen, other)))
    digested(store, over=True)
    [made] = store.summaries("brynja", "ann")
    assert "mill" not in made.text and "Bob" not in made.text


def test_several_summaries_become_one_and_the_latest_stay() -> None:
    store = MemoryStore(None)
    for number in range(TOGETHER + LEFT):
        talk(store, f"I will bring the wolf number {number}.", "Do.", "I promise.", "Good.", at=100.0 * number)
        digested(store, over=True)
    single = store.summaries("brynja", "ann", limit=99)
    [joined] = store.summaries("brynja", "ann", level=2)
    assert len(single) == TOGETHER + LEFT
    assert (joined.first, joined.last) == (single[0].first, single[TOGETHER - 1].last)
    assert joined.text.startswith("Anna: I will bring the wolf number 0.")
    assert f"number {TOGETHER}" not in joined.text
    assert len(joined.text) <= LENGTH_OF_SEVERAL
    digested(store, over=True)
    assert store.summaries("brynja", "ann", level=2) == [joined]


def test_it_makes_way_and_has_changed_nothing_then() -> None:
    store = MemoryStore(None)
    talk(store, *HAMMER)
    ticket = Ticket()
    ticket.stop()
    try:
        digested(store, over=True, ticket=ticket)
        stopped = False
    except Stopped:
        stopped = True
    assert stopped
    assert store.summaries("brynja", "ann") == []
    digested(store, over=True)
    assert len(store.summaries("brynja", "ann")) == 1


def test_loading_a_save_game_takes_the_summary_back() -> None:
    store = MemoryStore(None)
    talk(store, *HAMMER)
    store.save("before")
    digested(store, over=True)
    store.load("before")
    assert store.summaries("brynja", "ann") == []
    digested(store, over=True)
    assert len(store.summaries("brynja", "ann")) == 1
