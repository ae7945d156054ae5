"""Whatever a card holds: it is refused in words, or read, written as content files, and written back unchanged."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.content import yaml_file
from npc_runtime.content.cards.card import Card, of_json
from npc_runtime.content.cards.card_in import language_of, read_character
from npc_runtime.content.cards.card_out import write_card
from npc_runtime.content.cards.character_yaml import character_yaml, knowledge_yaml
from npc_runtime.content.cards.overrides import plain
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.knowledge import KnowledgeFile
from npc_runtime.content.model_check import check
from npc_runtime.errors import InputError

_CHARACTERS = st.characters(codec="utf-8")
_TEXT = st.one_of(
    st.text(_CHARACTERS, max_size=80),
    st.lists(
        st.sampled_from(
            [
                "{{char}}",
                "{{user}}",
                ": ",
                "\n",
                "\n\n",
                "*",
                '"',
                "Hello.",
                "<START>",
                "{{random:a,b}}",
                "- ",
                "#",
                "@@depth 2",
            ]
        ),
        max_size=12,
    ).map("".join),
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXT, inner, max_size=3)),
    max_leaves=6,
)
_FIELD = st.one_of(_TEXT, _TEXT, _TEXT, _JSON)
_OURS = st.fixed_dictionaries(
    {},
    optional={
        "pack": st.sampled_from(["town", "../x", ""]),
        "fact": st.booleans(),
        "tags": st.lists(_TEXT, max_size=2),
        "known_by": _JSON,
        "secret": _JSON,
    },
)
_ENTRY = st.fixed_dictionaries(
    {"keys": st.one_of(st.lists(_TEXT, max_size=3), _JSON), "content": _FIELD},
    optional={
        "enabled": st.booleans(),
        "use_regex": st.booleans(),
        "insertion_order": st.one_of(st.integers(-3, 3), _JSON),
        "extensions": st.one_of(_JSON, st.fixed_dictionaries({"npc_runtime": st.one_of(_OURS, _JSON)})),
        "x": _JSON,
    },
)
_PACKS = st.dictionaries(
    st.sampled_from(["town", "ann", "x"]), st.one_of(_JSON, st.fixed_dictionaries({"world": st.just({"earth": False})}))
)
_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "language": st.sampled_from(["de", "tr", "??", 3]),
        "persona": st.one_of(_JSON, st.fixed_dictionaries({"summary": _FIELD, "traits": _JSON})),
        "barks": st.fixed_dictionaries({"busy": st.lists(_TEXT, max_size=2)}),
        "voice": st.one_of(_JSON, st.fixed_dictionaries({"rate": st.floats(0, 3)})),
        "goals": _JSON,
        "knowledge": st.fixed_dictionaries({}, optional={"facts": st.lists(_TEXT, max_size=2), "packs": _JSON}),
    },
)
_BOOK = st.fixed_dictionaries(
    {"entries": st.lists(_ENTRY, max_size=4)},
    optional={
        "extensions": st.one_of(
            _JSON,
            st.fixed_dictionaries({"npc_runtime": st.one_of(_JSON, st.fixed_dictionaries({"packs": _PACKS}))}),
        )
    },
)
_DATA = st.fixed_dictionaries(
    {"name": st.one_of(st.just("Ann"), _TEXT)},
    optional={
        **dict.fromkeys(("description", "personality", "scenario", "first_mes", "mes_example", "nickname"), _FIELD),
        **dict.fromkeys(("creator", "creator_notes", "tags", "assets", "x"), _JSON),
        "alternate_greetings": st.one_of(st.lists(_TEXT, max_size=3), _JSON),
        "extensions": st.one_of(
            _JSON, st.fixed_dictionaries({"npc_runtime": st.fixed_dictionaries({"character": _CHANGES})})
        ),
        "character_book": st.one_of(_JSON, _BOOK),
    },
)
_CARDS = st.one_of(
    _DATA,
    st.builds(
        lambda data, spec: {"spec": spec, "data": data}, _DATA, st.sampled_from(["chara_card_v2", "chara_card_v3"])
    ),
)


def reread(card: Card) -> tuple[CharacterFile, dict[str, Any]]:
    """The character and the packs of a card, as the content files written for it say."""
    reading = read_character(card.data, "ann", language=language_of(card.data))
    text = character_yaml(reading.character.with_id("ann"))
    character, problems = check(CharacterFile, yaml_file.parse(text))
    assert character is not None, problems
    assert plain(character) == plain(reading.character)
    packs = {}
    for pack, knowledge in reading.packs.items():
        model, _ = check(KnowledgeFile, yaml_file.parse(knowledge_yaml(knowledge, pack)))
        assert model is not None
        assert model == knowledge
        packs[pack] = model
    return character.with_id("ann"), packs


@given(_CARDS)
def test_a_card_that_can_be_read_comes_back_equal(json: dict[str, Any]) -> None:
    try:
        card = of_json(copy.deepcopy(json), "it")
        character, packs = reread(card)
    except InputError:
        return
    written = write_card(character, packs, card)
    assert written == card.json
    assert reread(Card(written))[1] == packs


@given(_CARDS, st.sampled_from(["persona", "style", "barks"]), _TEXT.filter(str.strip))
def test_a_changed_character_comes_back_as_it_was_changed(json: dict[str, Any], section: str, text: str) -> None:
    try:
        card = of_json(json, "it")
        character, packs = reread(card)
        line = " ".join("".join(sign for sign in text if sign.isprintable()).split()) or "x"
        change: dict[str, dict[str, Any]] = {
            "persona": {"backstory": line, "summary": line},
            "style": {"sample_lines": [line]},
            "barks": {"greet": [line]},
        }
        values = character.model_dump(by_alias=True, exclude_defaults=True)
        values[section] = {**values.get(section, {}), **change[section]}
        changed = CharacterFile.model_validate(values).with_id("ann")
    except (InputError, ValueError):
        return
    again, facts = reread(Card(write_card(changed, packs, card)))
    assert plain(again) == plain(changed)
    assert facts == packs
