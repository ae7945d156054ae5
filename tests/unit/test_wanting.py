"""What an action still wants: what is missing, how the character asks, and what a later line makes of it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.actions.filling import fill
from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.options import possible
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.wanting import LONGEST, MOST_TURNS, Begun, ask_for, begin, go_on, missing
from npc_runtime.content.action import ActionDefinition, ActionOption, Argument
from npc_runtime.errors import InputError
from npc_runtime.scene import Entity, Scene

AXES = (Entity("axe_1", "rusty axe", ("weapon",)), Entity("axe_2", "silver axe", ("weapon",)))
HERE = Situation(scene=Scene(location="Mill", entities=AXES), now=10.0)
ORDER = ActionDefinition(
    name="order",
    description="Serve.",
    args={
        "drink": Argument(type="enum", values=("ale", "cider", "house_wine"), description="What can I get you?"),
        "size": Argument(type="enum", values=("small", "large", "20oz"), spoken={"20oz": ("twenty ounce",)}),
        "count": Argument(type="integer", min=1, max=9, default=1),
        "hot": Argument(type="boolean"),
        "price": Argument(type="integer", min=1, max=90, description="price in crowns"),
        "item": Argument(type="entity", tags=("weapon",)),
        "to": Argument(type="player"),
    },
)
BESTELLUNG = ActionDefinition(
    name="bestellung",
    description="Bediene.",
    args={
        "getraenk": Argument(type="enum", values=("bier", "wein"), description="Getränk"),
        "groesse": Argument(type="enum", values=("klein", "gross"), spoken={"gross": ("groß",)}, description="Größe"),
        "preis": Argument(type="integer", min=1, description="Preis"),
        "warm": Argument(type="boolean"),
    },
)
SIPARIS = ActionDefinition(
    name="siparis",
    description="Servis yap.",
    args={
        "icki": Argument(type="enum", values=("cay", "ayran"), spoken={"cay": ("çay",)}, description="içecek"),
        "adet": Argument(type="integer", min=1, max=20, description="kaç tane"),
        "soguk": Argument(type="boolean", description="soğuk"),
    },
)


def option(action: ActionDefinition, situation: Situation = HERE) -> ActionOption:
    [found] = possible([action], situation, Ledger())
    return found


def begun(action: ActionDefinition, line: str, language: str) -> Begun:
    made = begin(action, option(action), fill(action, line, language, HERE), turn=4, time=10.0)
    assert made is not None
    return made


def test_what_is_missing_in_the_author_s_order() -> None:
    assert missing(option(ORDER), {}) == ("drink", "size", "hot", "price", "item")
    assert missing(option(ORDER), {"drink": "ale", "item": "axe_1", "hot": "true"}) == ("size", "price")
    one = replace(HERE, scene=Scene(entities=AXES[:1]))
    assert "item" not in missing(option(ORDER, one), {})


def test_a_missing_target_is_asked_for() -> None:
    hit = ActionDefinition(name="hit", description="Hit.", target="entity")
    assert missing(option(hit), {}) == ("target",)
    assert ask_for(hit, "target", "en", HERE).line == "And the target: rusty axe or silver axe?"


@pytest.mark.parametrize(
    ("action", "name", "language", "line"),
    [
        (ORDER, "drink", "en", "What can I get you?"),
        (ORDER, "size", "en", "And the size: small, large or twenty ounce?"),
        (ORDER, "hot", "en", "Hot: yes or no?"),
        (ORDER, "price", "en-GB", "And the price in crowns?"),
        (ORDER, "item", "en", "And the item: rusty axe or silver axe?"),
        (BESTELLUNG, "groesse", "de", "Eins fehlt noch, Größe: klein oder groß?"),
        (BESTELLUNG, "preis", "de", "Eins fehlt noch: Preis?"),
        (BESTELLUNG, "warm", "de", "Warm: ja oder nein?"),
        (SIPARIS, "icki", "tr", "İçecek ne olsun: çay veya ayran?"),
        (SIPARIS, "adet", "tr", "Kaç tane ne olsun?"),
        (SIPARIS, "soguk", "tr", "Soğuk: evet mi, hayır mı?"),
        (ORDER, "size", "fr", "And the size: small, large or twenty ounce?"),
    ],
)
def test_the_question(action: ActionDefinition, name: str, language: str, line: str) -> None:
    question = ask_for(action, name, language, HERE)
    assert (question.argument, question.line) == (name, line)
    assert question.instruction.startswith({"de": ("Erfrage", "Frag"), "tr": ("Şunu",)}.get(language, ("Ask",)))
    assert "do not" not in question.line


def test_the_instruction_names_the_choices() -> None:
    assert "size (small, large or twenty ounce)" in ask_for(ORDER, "size", "en", HERE).instruction
    many = tuple(Entity(f"axe{n}", f"axe {n}", ("weapon",)) for n in range(50))
    crowded = replace(HERE, scene=Scene(entities=many))
    assert "axe" not in ask_for(ORDER, "item", "en", crowded).instruction


@pytest.mark.parametrize(
    ("action", "first", "language", "line", "added"),
    [
        (ORDER, "I'd like an ale", "en", "a large one", {"size": "large"}),
        (ORDER, "I'd like an ale", "en", "the small, please", {"size": "small"}),
        (ORDER, "I'd like an ale", "en", "twenty", {"size": "20oz"}),
        (ORDER, "I'd like an ale", "en", "make it a cider, large", {"drink": "cider", "size": "large"}),
        (ORDER, "a large one", "en", "the house one", {"drink": "house_wine"}),
        (BESTELLUNG, "ein Bier", "de", "das große bitte", {"groesse": "gross"}),
        (BESTELLUNG, "ein kleines", "de", "einen Wein", {"getraenk": "wein"}),
        (SIPARIS, "çay istiyorum", "tr", "iki tane", {"adet": "2"}),
        (SIPARIS, "çay istiyorum", "tr", "bir", {"adet": "1"}),
    ],
)
def test_a_later_line_completes_it(
    action: ActionDefinition, first: str, language: str, line: str, added: dict[str, str]
) -> None:
    before = begun(action, first, language)
    after = go_on(before, action, line, language, HERE, turn=5)
    assert after is not None and after.values == {**before.values, **added}


@pytest.mark.parametrize(
    ("action", "first", "language", "line"),
    [
        (ORDER, "an ale", "en", "never mind"),
        (ORDER, "an ale", "en", "Oh, forget it."),
        (ORDER, "an ale", "en", "how is your mother?"),
        (ORDER, "an ale", "en", "why is the mug so small?"),
        (ORDER, "an ale", "en", "the small village over there burned down"),
        (ORDER, "an ale", "en", "the bridge is out"),
        (BESTELLUNG, "ein Bier", "de", "vergiss es"),
        (BESTELLUNG, "ein Bier", "de", "mein Hund ist krank"),
        (SIPARIS, "çay", "tr", "boşver"),
        (SIPARIS, "çay", "tr", "hava çok güzel"),
    ],
)
def test_it_is_dropped(action: ActionDefinition, first: str, language: str, line: str) -> None:
    assert go_on(begun(action, first, language), action, line, language, HERE, turn=5) is None


@pytest.mark.parametrize(
    ("action", "language", "line"),
    [
        (ORDER, "en", "um, let me think"),
        (ORDER, "en", "hmm"),
        (BESTELLUNG, "de", "ähm, Moment"),
        (SIPARIS, "tr", "şey"),
    ],
)
def test_who_hesitates_is_waited_for(action: ActionDefinition, language: str, line: str) -> None:
    before = begun(action, "bier çay ale", language)
    assert go_on(before, action, line, language, HERE, turn=5) == before


def test_it_waits_only_so_long() -> None:
    before = begun(ORDER, "an ale", "en")
    assert go_on(before, ORDER, "large", "en", HERE, turn=4 + MOST_TURNS) is not None
    assert go_on(before, ORDER, "large", "en", HERE, turn=5 + MOST_TURNS) is None
    assert go_on(before, ORDER, "large", "en", replace(HERE, now=10.0 + LONGEST), turn=5) is not None
    assert go_on(before, ORDER, "large", "en", replace(HERE, now=10.5 + LONGEST), turn=5) is None
    assert go_on(before, ORDER, "large", "en", replace(HERE, now=9.0), turn=5) is None


def test_nothing_is_begun_when_nothing_is_missing() -> None:
    assert begin(SIPARIS, option(SIPARIS), {"icki": "cay", "adet": "1", "soguk": "true"}, turn=1, time=0.0) is None


@given(
    st.builds(
        Begun,
        st.from_regex(r"[a-z0-9_]{1,64}", fullmatch=True),
        st.dictionaries(st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True), st.text(max_size=50), max_size=17),
        st.just("size"),
        st.integers(0, 10**6),
        st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_it_survives_a_save(made: Begun) -> None:
    assert Begun.from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"action": "Order!", "values": {}, "asked": "size", "turn": 1, "time": 0.0},
        {"action": "order", "values": {"a": "x" * 1001}, "asked": "size", "turn": 1, "time": 0.0},
        {"action": "order", "values": {f"a{n}": "x" for n in range(18)}, "asked": "size", "turn": 1, "time": 0.0},
        {"action": "order", "values": {}, "asked": "size", "turn": -1, "time": 0.0},
        {"action": "order", "values": {}, "asked": "size", "turn": 1, "time": float("nan")},
    ],
)
def test_a_damaged_save_is_refused(data: Any) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Begun.from_json(data)


@given(st.text(max_size=80), st.sampled_from(["en", "de", "tr", "xx"]))
def test_any_line_may_follow(line: str, language: str) -> None:
    before = begun(ORDER, "an ale", "en")
    after = go_on(before, ORDER, line, language, HERE, turn=5)
    assert after is None or set(before.values) <= set(after.values)
