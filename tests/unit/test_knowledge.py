"""What a character knows that bears on what is said, and what it keeps to itself."""

from collections.abc import Sequence

import numpy as np
import pytest
from pydantic import ValidationError

from npc_runtime.character.knowledge import (
    MOST_LEARNT,
    Awareness,
    Knowledge,
    Recall,
    Shelf,
    Vectors,
)
from npc_runtime.character.words import content_words, folded
from npc_runtime.content.character import CharacterFile, KnowledgeSpec, Persona
from npc_runtime.content.conditions import Axis
from npc_runtime.content.knowledge import Fact, KnowledgeFile

BRIDGE = "The north bridge is out since the flood."
CLAMPS = "Forty iron clamps for the bridge rust in my shed."
MURDER = "Pell killed the ferryman and buried him under the mill."


class Standing:
    """A situation with a given trust."""

    def __init__(self, trust: float = 0.0) -> None:
        self._trust = trust

    def standing(self, axis: Axis) -> float:
        return self._trust if axis == "trust" else 0.0

    def in_scene(self, name: str) -> bool:
        return False

    def is_done(self, name: str) -> bool:
        return name == "oath"


def knowledge(*facts: Fact, own: tuple[str, ...] = (), groups: tuple[str, ...] = (), language: str = "en") -> Knowledge:
    character = CharacterFile(
        name="Brynja Ironhand",
        language=language,
        persona=Persona(summary="A smith."),
        knowledge=KnowledgeSpec(facts=own),
    ).with_id("brynja")
    return Knowledge(character, [Shelf(facts, language)], groups)


def test_the_most_relevant_fact_comes_first() -> None:
    known = knowledge(Fact(text=BRIDGE), Fact(text="The inn is called the Dry Boot."), own=(CLAMPS,))
    assert known.recall("What is rusting in the shed by the bridge?", Standing()).facts == (CLAMPS, BRIDGE)
    assert known.recall("Is the bridge open?", Standing()).facts == (BRIDGE, CLAMPS)


def test_what_nobody_asked_for_is_not_there() -> None:
    known = knowledge(Fact(text=BRIDGE), own=(CLAMPS,))
    assert known.recall("How are you today?", Standing()) == Recall()
    assert known.recall("", Standing()) == Recall()


def test_politeness_does_not_hide_the_question() -> None:
    line = "Excuse me, good woman, might a weary wanderer ask whether that splendid bridge still stands?"
    assert knowledge(Fact(text=BRIDGE)).recall(line, Standing()).facts == (BRIDGE,)


def test_the_line_before_says_what_is_meant() -> None:
    known = knowledge(Fact(text=BRIDGE), Fact(text="The inn is called the Dry Boot."))
    assert known.recall("And how long has it been like that?", Standing()).facts == ()
    assert known.recall("And how long has it been like that?", Standing(), recent=["Is the bridge open?"]).facts == (
        BRIDGE,
    )


@pytest.mark.parametrize(
    ("language", "fact", "line"),
    [
        ("en", "Wolves were seen near the mill.", "Any wolf around the mills?"),
        ("de", "Die Brücke im Norden ist seit der Flut zerstört.", "Was ist mit den BRÜCKEN los?"),
        ("de", "Vierzig Eisenklammern rosten im Schuppen.", "Hast du Klammern?"),
        ("tr", "Kuzeydeki köprü selden beri yıkık.", "Köprüden geçebilir miyim?"),
        ("tr", "Ilıcada şifalı su var.", "ILICA nerede?"),
    ],
)
def test_forms_of_a_word_meet(language: str, fact: str, line: str) -> None:
    assert knowledge(Fact(text=fact), language=language).recall(line, Standing()).facts == (fact,)


def test_tags_find_a_fact_in_other_words() -> None:
    known = knowledge(Fact(text=BRIDGE, tags=("crossing",)))
    assert known.recall("Where is a crossing?", Standing()).facts == (BRIDGE,)


@pytest.mark.parametrize(
    ("language", "key", "line", "found"),
    [
        ("en", "shady business", "What shady business is going on?", True),
        ("en", "shady business", "Your business is shady.", False),
        ("en", "O’Brien", "Who is O'Brien?", True),
        ("en", "inn", "Is there an inner room?", False),
        ("en", "*mill", "Where is the windmill?", False),
        ("en", "mill | barn", "Where is the barn?", False),
        ("de", "Brüder", "Was ist mit deinen BRÜDERN?", True),
        ("de", "Graf", "Wer sind die Grafen?", True),
        ("tr", "kitap", "Kitabı gördün mü?", True),
        ("zh", "铁匠", "那个铁匠在哪里？", True),
    ],
)
def test_a_key_brings_a_fact_to_mind(language: str, key: str, line: str, found: bool) -> None:
    known = knowledge(Fact(text="Xyzzy.", keys=(key,)), language=language)
    assert (known.recall(line, Standing()).facts == ("Xyzzy.",)) is found


def test_what_only_one_word_of_the_line_points_to_may_not_be_meant() -> None:
    known = knowledge(Fact(text="Thora pays on time."), Fact(text=BRIDGE))
    found = known.recall("That is more than I can pay.", Standing())
    assert found.facts == ("Thora pays on time.",) and not found.meant
    assert known.recall("The north bridge is rotten.", Standing()).meant == (BRIDGE,)


def test_a_key_counts_as_much_as_the_best_words_and_priority_decides() -> None:
    def first(priority: float) -> str:
        whispered = Fact(text="Pell drinks.", keys=("the watch",), priority=priority)
        known = knowledge(whispered, Fact(text="The north bridge has rotten planks."), Fact(text=CLAMPS))
        return known.recall("Does the watch mend the rotten planks of the north bridge?", Standing()).facts[0]

    assert first(0.6) == "Pell drinks."
    assert first(0.4) == "The north bridge has rotten planks."


def test_the_key_of_a_fact_that_only_others_know_changes_nothing() -> None:
    others = Fact(text="The bridge, the bridge, the rotten north bridge!", keys=("bridge",), known_by=("thora",))
    line = "Is the rotten north bridge open?"
    assert knowledge(others, Fact(text=BRIDGE)).recall(line, Standing()) == Recall((BRIDGE,), meant=(BRIDGE,))


def test_the_key_of_a_secret_brings_it_up_only_when_it_is_asked_for() -> None:
    known = knowledge(Fact(text="Pell did it.", keys=("the mill",), secret=True), Fact(text=BRIDGE), own=(CLAMPS,))
    assert known.recall("What happened at the mill?", Standing()).withheld
    line = "Before I went to the mill, I saw the bridge, the flood and the iron clamps in the shed."
    assert not known.recall(line, Standing()).withheld


def test_some_things_are_always_in_mind_within_bounds() -> None:
    basics = [Fact(text=f"Basic {number}.", always=True, priority=number / 10) for number in range(5)]
    hidden = Fact(text=MURDER, always=True, secret=True, priority=1)
    known = knowledge(*basics, hidden, Fact(text="A " + "long " * 100, always=True, priority=1), own=(CLAMPS,))
    assert known.recall("How are you?", Standing()) == Recall(always=("Basic 4.", "Basic 3."))
    assert known.recall("How are the clamps?", Standing(), most=2) == Recall((CLAMPS,), always=("Basic 4.",))
    assert known.recall("How are the clamps?", Standing(), most=1) == Recall((CLAMPS,))
    both = known.recall("What is basic 3?", Standing(), most_chars=40)
    assert both.facts[0] == "Basic 4."
    assert sum(map(len, (*both.facts, *both.always))) <= 40
    assert len({*both.facts, *both.always}) == len((*both.facts, *both.always))


def test_who_knows_what() -> None:
    def recalled(*known_by: str, groups: tuple[str, ...] = ()) -> bool:
        known = knowledge(Fact(text=BRIDGE, known_by=known_by), groups=groups)
        return bool(known.recall("the bridge?", Standing()).facts)

    assert recalled()
    assert recalled("brynja")
    assert recalled("Brynja Ironhand")
    assert recalled("watch", "guild", groups=("Guild",))
    assert not recalled("thora", "guild")


def test_a_secret_is_told_only_when_its_conditions_hold() -> None:
    secret = Fact(text=MURDER, secret=True, tell_when=("trust >= 0.5", "done(oath)"))
    known = knowledge(secret, Fact(text="The ferryman had a red boat."))
    assert known.recall("Who killed the ferryman?", Standing(0.4)) == Recall(("The ferryman had a red boat.",), True)
    told = known.recall("Who killed the ferryman?", Standing(0.5))
    assert told.facts[0] == MURDER
    assert not told.withheld


def test_a_secret_without_conditions_is_never_told() -> None:
    assert knowledge(Fact(text=MURDER, secret=True)).recall("Who killed the ferryman?", Standing(1.0)) == Recall(
        (), True
    )


def test_a_secret_that_is_not_known_or_not_asked_for_is_not_withheld() -> None:
    other = knowledge(Fact(text=MURDER, secret=True, known_by=("thora",)))
    assert other.recall("Who killed the ferryman?", Standing()) == Recall()
    assert knowledge(Fact(text=MURDER, secret=True)).recall("Is the bridge open?", Standing()) == Recall()


def test_some_things_are_known_only_after_an_event() -> None:
    known = knowledge(Fact(text=BRIDGE, after="flood"))
    assert known.recall("the bridge?", Standing()).facts == ()
    assert known.recall("the bridge?", Standing(), awareness=Awareness().witnessing("flood")).facts == (BRIDGE,)


def test_what_was_learnt_is_known() -> None:
    awareness = Awareness().learning("The  mill burned\ndown.", 120.0)
    assert knowledge().recall("What about the mill?", Standing(), awareness=awareness).facts == (
        "The mill burned down.",
    )


def test_awareness_is_bounded_and_survives_a_save() -> None:
    awareness = Awareness()
    for number in range(MOST_LEARNT + 50):
        awareness = awareness.learning(f"Barrel {number} leaks. " + "x" * 5000, float(number))
    awareness = (
        awareness.learning(awareness.learnt[0].text, 999.0).witnessing("flood").witnessing("flood").learning(" ")
    )
    assert len(awareness.learnt) == MOST_LEARNT
    assert awareness.learnt[-1].time == 999.0
    assert max(len(known.text) for known in awareness.learnt) <= 500
    assert awareness.events == ("flood",)
    assert Awareness.from_json(awareness.as_json()) == awareness


def test_the_prompt_has_bounds() -> None:
    known = knowledge(*(Fact(text=f"The bridge has plank {number}, and it is rotten.") for number in range(50)))
    found = known.recall("the bridge?", Standing(), most=3, most_chars=90)
    assert len(found.facts) == 2
    long = knowledge(Fact(text="The bridge " + "is old and " * 700 + "rotten."))
    (cut,) = long.recall("the bridge?", Standing(), most_chars=100).facts
    assert 80 < len(cut) <= 100


def test_meaning_counts_when_there_is_an_embedder() -> None:
    class Meanings:
        """Knows that ferries and crossings are the same."""

        def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
            rows = [[1.0, 0.0] if "ferry" in text or "cross" in text else [0.0, 1.0] for text in texts]
            return np.array(rows, dtype=np.float32)

    facts = [Fact(text=f"House {number} stands empty.") for number in range(20)]
    known = knowledge(*facts, Fact(text="The ferry leaves at noon."))
    query = Meanings().embed(["Where do I cross the river?"], query=True)
    assert known.recall("Where do I cross the river?", Standing(), query=query).facts == ()
    known.shelves[1].embed(Meanings())
    assert known.recall("Where do I cross the river?", Standing(), query=query).facts == ("The ferry leaves at noon.",)


def test_words_are_folded_and_bounded() -> None:
    assert folded("İSTANBUL Iğdır Straße Ærø d’oh") == "istanbul igdir strasse aero d'oh"
    assert content_words("Where is the bridge? The BRIDGE!", "en") == ("bridge",)
    assert content_words("桥 在 哪里", "zh") == ("桥", "在", "哪里")
    assert len(content_words(" ".join(f"word{number}" for number in range(10_000)), "en")) <= 60


def test_conditions_are_for_secrets() -> None:
    with pytest.raises(ValidationError, match="tell_when"):
        Fact(text=BRIDGE, tell_when=("trust >= 0.5",))
    with pytest.raises(ValidationError):
        Fact(text=BRIDGE, secret=True, tell_when=("trust >= ",))
    assert KnowledgeFile(facts=(Fact(text=BRIDGE),)).world is None


def test_withheld_secrets_leave_room_for_what_may_be_told() -> None:
    secrets = (Fact(text=f"Smuggler {number} hides by the mill.", secret=True) for number in range(10))
    known = knowledge(*secrets, Fact(text="The mill belongs to the Guild."))
    assert known.recall("Who hides by the mill?", Standing(), most=2) == Recall(
        ("The mill belongs to the Guild.",), True
    )


def test_a_mere_mention_does_not_ask_for_a_secret() -> None:
    known = knowledge(Fact(text=MURDER, secret=True), Fact(text=BRIDGE), own=(CLAMPS,))
    line = "Before I went to the mill, I saw the bridge, the flood and the iron clamps in the shed."
    assert not known.recall(line, Standing()).withheld
