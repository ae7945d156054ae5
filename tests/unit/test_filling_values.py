"""Values of enums, booleans and numbers from the player's words, in three languages."""

import pytest

from npc_runtime.actions.filling import fill
from npc_runtime.actions.situation import Situation
from npc_runtime.content.action import ActionDefinition, Argument

NOW = Situation()
COFFEE = ActionDefinition(
    name="coffee",
    description="Make a drink.",
    args={
        "drink": Argument(type="enum", values=("espresso", "latte", "mocha", "iced_mocha", "americano", "tea")),
        "size": Argument(type="enum", values=("small", "medium", "large", "12oz", "20oz"), required=False),
        "roast": Argument(type="enum", values=("light", "medium", "dark"), required=False),
        "shots": Argument(type="integer", min=0, max=6, required=False, description="shots of espresso"),
        "milk": Argument(type="enum", values=("none", "milk", "whole_milk", "oat_milk", "a_little_milk")),
        "sugar": Argument(type="boolean", default=False),
        "to_go": Argument(
            type="boolean", required=False, spoken={"true": ("take away", "to go"), "false": ("for here",)}
        ),
    },
)
KAFFEE = ActionDefinition(
    name="kaffee",
    description="Mach ein Getränk.",
    args={
        "getraenk": Argument(type="enum", values=("kaffee", "tee", "wein")),
        "groesse": Argument(
            type="enum",
            values=("klein", "mittel", "gross"),
            spoken={"gross": ("groß",), "mittel": ("mittlerer", "mittleren")},
            description="Größe",
        ),
        "menge": Argument(type="integer", min=1, max=24, default=1, description="Anzahl"),
        "zucker": Argument(type="boolean", default=False),
        "milch": Argument(type="enum", values=("keine", "milch", "hafermilch"), required=False),
    },
)
YEMEK = ActionDefinition(
    name="yemek",
    description="Yemek hazırla.",
    args={
        "yemek": Argument(
            type="enum",
            values=("doner", "kofte", "dolma", "dondurma", "corba"),
            spoken={"doner": ("döner",), "kofte": ("köfte",), "corba": ("çorba",)},
        ),
        "adet": Argument(type="integer", min=1, max=10, required=False),
        "aci": Argument(type="boolean", required=False, description="acı"),
        "seker": Argument(type="enum", values=("yok", "az", "orta", "bol"), required=False, description="şeker"),
    },
)
SALE = ActionDefinition(
    name="sale",
    description="Sell.",
    args={
        "price": Argument(type="number", min=0, max=500, required=False, description="price in crowns"),
        "days": Argument(type="integer", min=1, max=30, required=False),
    },
)
WAIT = ActionDefinition(name="wait", description="Wait.", args={"minutes": Argument(type="integer", min=1, max=60)})
ROOM = ActionDefinition(name="room", description="Rent.", args={"price": Argument(type="integer", min=1, max=90)})
KILN = ActionDefinition(name="kiln", description="Heat.", args={"heat": Argument(type="integer", min=-20, max=20)})

Case = tuple[ActionDefinition, str, dict[str, str]]

ENGLISH: list[Case] = [
    (COFFEE, "a large latte please", {"drink": "latte", "size": "large"}),
    (COFFEE, "A LARGE LATTE", {"drink": "latte", "size": "large"}),
    (COFFEE, "two lattes", {"drink": "latte"}),
    (COFFEE, "I'd like an iced mocha", {"drink": "iced_mocha"}),
    (COFFEE, "an ice mocha", {"drink": "iced_mocha"}),
    (COFFEE, "iced-mocha", {"drink": "iced_mocha"}),
    (COFFEE, "ameri cano", {"drink": "americano"}),
    (COFFEE, "a twenty ounce tea", {"drink": "tea", "size": "20oz"}),
    (COFFEE, "a 20-ounce tea", {"drink": "tea", "size": "20oz"}),
    (COFFEE, "tea, 12 oz", {"drink": "tea", "size": "12oz"}),
    (COFFEE, "a medium roast latte", {"drink": "latte", "roast": "medium"}),
    (COFFEE, "medium size, dark roast tea", {"drink": "tea", "size": "medium", "roast": "dark"}),
    (COFFEE, "a small medium roast tea", {"drink": "tea", "size": "small", "roast": "medium"}),
    (COFFEE, "a medium latte", {"drink": "latte"}),
    (COFFEE, "a double espresso", {"drink": "espresso", "shots": "2"}),
    (COFFEE, "a triple shot mocha", {"drink": "mocha", "shots": "3"}),
    (COFFEE, "a latte with one shot", {"drink": "latte", "shots": "1"}),
    (COFFEE, "a latte with a pair of shots", {"drink": "latte", "shots": "2"}),
    (COFFEE, "a latte with nine shots", {"drink": "latte"}),
    (COFFEE, "a latte with three or four shots", {"drink": "latte"}),
    (COFFEE, "a latte with more than two shots", {"drink": "latte"}),
    (COFFEE, "a latte with no shots", {"drink": "latte", "shots": "0"}),
    (COFFEE, "a mocca", {"drink": "mocha"}),
    (COFFEE, "a latay", {"drink": "latte"}),
    (COFFEE, "an expresso", {"drink": "espresso"}),
    (COFFEE, "it is late, a tea", {"drink": "tea"}),
    (COFFEE, "a tea or a latte", {}),
    (COFFEE, "a tea, no, a latte", {"drink": "latte"}),
    (COFFEE, "a tea, I mean a latte", {"drink": "latte"}),
    (COFFEE, "tea with milk and sugar", {"drink": "tea", "milk": "milk", "sugar": "true"}),
    (COFFEE, "tea with a little bit of milk", {"drink": "tea", "milk": "a_little_milk"}),
    (COFFEE, "tea with oat milk, no sugar", {"drink": "tea", "milk": "oat_milk", "sugar": "false"}),
    (COFFEE, "tea without milk or sugar", {"drink": "tea", "milk": "none", "sugar": "false"}),
    (COFFEE, "tea with no milk and two shots", {"drink": "tea", "milk": "none", "shots": "2"}),
    (COFFEE, "a sugar-free tea", {"drink": "tea", "sugar": "false"}),
    (COFFEE, "no whole milk in my tea", {"drink": "tea"}),
    (COFFEE, "not the large one, the small one", {"size": "small"}),
    (COFFEE, "I don't want tea", {}),
    (COFFEE, "I'd like a latte instead of a tea", {"drink": "latte"}),
    (COFFEE, "can't you make me a tea?", {"drink": "tea"}),
    (COFFEE, "a tea to go", {"drink": "tea", "to_go": "true"}),
    (COFFEE, "a tea for here", {"drink": "tea", "to_go": "false"}),
    (COFFEE, "a tea to take away", {"drink": "tea", "to_go": "true"}),
    (SALE, "forty-five crowns", {"price": "45"}),
    (SALE, "the price is 2.5 and I need it in three days", {"price": "2.5", "days": "3"}),
    (SALE, "twenty", {}),
    (SALE, "half a dozen crowns", {"price": "6"}),
    (SALE, "not forty crowns", {}),
    (SALE, "nine hundred crowns", {}),
    (ROOM, "I'll pay twenty", {"price": "20"}),
    (ROOM, "I'll take room 6", {}),
    (ROOM, "I waited twenty minutes", {}),
    (ROOM, "about twenty", {}),
    (ROOM, "from 5 to 10", {}),
    (ROOM, "that one", {}),
    (WAIT, "wait five minutes", {"minutes": "5"}),
    (WAIT, "wait two and a half minutes", {}),
    (KILN, "make it -5", {"heat": "-5"}),
    (COFFEE, "", {}),
]
GERMAN: list[Case] = [
    (
        KAFFEE,
        "zwei große Kaffee ohne Zucker, aber mit Milch",
        {"getraenk": "kaffee", "groesse": "gross", "menge": "2", "zucker": "false", "milch": "milch"},
    ),
    (KAFFEE, "ein Dutzend kleine Tee, bitte", {"getraenk": "tee", "groesse": "klein", "menge": "12"}),
    (KAFFEE, "ein halbes Dutzend Tee", {"getraenk": "tee", "menge": "6"}),
    (KAFFEE, "ein Paar Tee", {"getraenk": "tee", "menge": "2"}),
    (KAFFEE, "ein paar Tee", {"getraenk": "tee"}),
    (
        KAFFEE,
        "einen mittleren Kaffee mit Hafermilch",
        {"getraenk": "kaffee", "groesse": "mittel", "milch": "hafermilch"},
    ),
    (KAFFEE, "keinen Tee, einen Kaffee mit Zucker", {"getraenk": "kaffee", "zucker": "true"}),
    (KAFFEE, "den Wein nicht, lieber einen Tee", {"getraenk": "tee"}),
    (KAFFEE, "den Wein will ich nicht", {}),
    (KAFFEE, "einen Tee, nein, einen Wein", {"getraenk": "wein"}),
    (KAFFEE, "Kaffee, zuckerfrei, keine Milch", {"getraenk": "kaffee", "zucker": "false", "milch": "keine"}),
    (KAFFEE, "zweimal Kaffee", {"getraenk": "kaffee", "menge": "2"}),
    (KAFFEE, "statt Tee lieber Wein", {"getraenk": "wein"}),
    (KAFFEE, "fünfzig Kaffee", {"getraenk": "kaffee"}),
]
TURKISH: list[Case] = [
    (YEMEK, "iki tane köfte, acısız olsun", {"yemek": "kofte", "adet": "2", "aci": "false"}),
    (YEMEK, "bir dolma", {"yemek": "dolma"}),
    (YEMEK, "döner değil köfte istiyorum", {"yemek": "kofte"}),
    (YEMEK, "üç dondurma", {"yemek": "dondurma", "adet": "3"}),
    (YEMEK, "şekersiz çorba", {"yemek": "corba", "seker": "yok"}),
    (YEMEK, "az şekerli bir çorba, acılı olsun", {"yemek": "corba", "aci": "true", "seker": "az"}),
    (YEMEK, "döner istemiyorum", {}),
    (YEMEK, "DÖNER", {"yemek": "doner"}),
    (YEMEK, "döner, hayır, köfte", {"yemek": "kofte"}),
    (YEMEK, "köfteyi alayım", {"yemek": "kofte"}),
    (YEMEK, "yarım düzine köfte", {"yemek": "kofte", "adet": "6"}),
    (YEMEK, "döner yerine köfte", {"yemek": "kofte"}),
    (YEMEK, "ne döner ne köfte", {}),
]


@pytest.mark.parametrize(("action", "line", "expected"), ENGLISH)
def test_english(action: ActionDefinition, line: str, expected: dict[str, str]) -> None:
    assert fill(action, line, "en", NOW) == expected


@pytest.mark.parametrize(("action", "line", "expected"), GERMAN)
def test_german(action: ActionDefinition, line: str, expected: dict[str, str]) -> None:
    assert fill(action, line, "de-AT", NOW) == expected


@pytest.mark.parametrize(("action", "line", "expected"), TURKISH)
def test_turkish(action: ActionDefinition, line: str, expected: dict[str, str]) -> None:
    assert fill(action, line, "tr", NOW) == expected


def test_other_languages_have_figures_and_values() -> None:
    assert fill(COFFEE, "latte 20 oz", "fr", NOW) == {"drink": "latte", "size": "20oz"}


@pytest.mark.parametrize(
    ("awaited", "line", "expected"),
    [
        ("size", "twenty", {"size": "20oz"}),
        ("size", "the medium", {"size": "medium"}),
        ("roast", "medium", {"roast": "medium"}),
        ("milk", "oat, please", {"milk": "oat_milk"}),
        ("milk", "no thanks", {"milk": "none"}),
        ("shots", "one", {"shots": "1"}),
        ("shots", "just two", {"shots": "2"}),
        ("sugar", "yes please", {"sugar": "true"}),
        ("sugar", "no", {"sugar": "false"}),
        ("drink", "no", {}),
    ],
)
def test_after_a_question_less_is_enough(awaited: str, line: str, expected: dict[str, str]) -> None:
    assert fill(COFFEE, line, "en", NOW, awaited=awaited) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('Tell him "the bridge is out"', "the bridge is out"),
        ("Tell her that I will be late. Thank you!", "I will be late"),
        ("give him a message saying come home", "come home"),
        ("don't tell her that I was here", ""),
        ("I have a message for him", ""),
    ],
)
def test_text_only_where_it_is_marked(line: str, expected: str) -> None:
    action = ActionDefinition(
        name="tell", description="Tell.", args={"message": Argument(type="string", max_length=40)}
    )
    assert fill(action, line, "en", NOW).get("message", "") == expected
    assert fill(action, 'say "' + "x" * 41 + '"', "en", NOW) == {}
