"""The phone table: language first, then any language, then without marks; never a crash."""

import json
import logging
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.errors import SetupError
from npc_runtime.lipsync.sets import SETS, load_set, target_set
from npc_runtime.lipsync.table import PhoneTable, phone_table
from npc_runtime.resources import bundled

PHONES = bundled("assets", "visemes", "phones.json")

# Every letter that espeak emits for the 30,000 most frequent words of the language.
EMITTED = {
    "en": "abdefhijklmnoprstuvwxz æ ç ð ŋ ɐ ɑ ɔ ə ɚ ɛ ɜ ɡ ɪ ɹ ɾ ʃ ʊ ʌ ʒ ʔ θ ᵻ ʲ ː ˈ ˌ",
    "de": "abdefhijklmnoprstuvwxyz ç ð ø ŋ œ ɐ ɑ ɒ ɔ ə ɛ ɜ ɡ ɪ ɹ ɾ ʃ ʊ ʌ ʏ ʒ ʔ θ ʲ ː ˈ ˌ 1",
    "tr": "abcdefhijklmnoprstuvwyz æ ø œ ɔ ɛ ɟ ɡ ɪ ɫ ɯ ɹ ɾ ʃ ʊ ʒ ː ˈ ˌ",
}


def shapes(ipa: str, language: str) -> list[dict[str, float]]:
    return [dict(pose.shapes) for pose in phone_table().resolve(ipa, language).poses]


@pytest.mark.parametrize("language", sorted(EMITTED))
def test_every_emitted_letter_resolves(language: str) -> None:
    unknown = {char for char in EMITTED[language] if phone_table().resolve(char, language).unknown}
    assert not unknown


@pytest.mark.parametrize(
    ("ipa", "language", "expected"),
    [
        ("ɾ", "en", [{"DD": 0.6}]),
        ("ɾ", "de", [{"RR": 0.5}]),
        ("ɾ", "tr", [{"DD": 0.7}]),
        ("ɜ", "en", [{"RR": 0.6, "E": 0.3}]),
        ("ɜ", "de", [{"aa": 0.5}]),
        ("r", "de-AT", [{"RR": 0.5}]),
        ("r", "tr_TR", [{"DD": 0.7}]),
        # A language that the row does not name, and one that no row names.
        ("θ", "de", [{"TH": 0.9}]),
        ("ɯ", "ja", [{"ih": 0.5}]),
        # ç is not c, composed or not.
        ("ç", "de", [{"kk": 0.5, "ih": 0.4}]),
        ("c\u0327", "de", [{"kk": 0.5, "ih": 0.4}]),
        ("c", "tr", [{"kk": 0.6, "ih": 0.3}]),
        ("n\u0329", "en", [{"nn": 0.7}]),
        # What the table does not tell apart is stripped.
        ("ɑ\u0303", "de", [{"aa": 1.0}]),
        ("õ", "en", [{"oh": 0.9}]),
        ("iː", "en", [{"ih": 1.0}]),
        ("ˈɔ", "en", [{"oh": 0.9}]),
        ("tʲ", "en", [{"DD": 0.8}]),
        ("l\u0329", "en", [{"nn": 0.8}]),
        # Two steps, however they are written.
        ("tʃ", "en", [{"DD": 0.6}, {"CH": 0.9}]),
        ("t\u0361ʃ", "en", [{"DD": 0.6}, {"CH": 0.9}]),
        ("ʧ", "en", [{"DD": 0.6}, {"CH": 0.9}]),
        ("aʊ", "de", [{"aa": 0.9}, {"ou": 0.7}]),
        ("g", "en", [{"kk": 0.7}]),
        # Silence.
        ("", "en", [{"sil": 1.0}]),
        (",", "en", [{"sil": 1.0}]),
        ("$", "tr", [{"sil": 1.0}]),
        ("ː", "en", []),
    ],
)
def test_lookup(ipa: str, language: str, expected: list[dict[str, float]]) -> None:
    assert shapes(ipa, language) == expected


def test_several_phones_in_one_string_share_the_time() -> None:
    poses = phone_table().resolve("aɪə", "en").poses
    assert [pose.phone for pose in poses] == ["aɪ", "aɪ", "ə"]
    assert [round(pose.share, 3) for pose in poses] == [0.3, 0.2, 0.5]


def test_an_unknown_phone_is_neutral_reported_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    table = PhoneTable(PHONES)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            found = table.resolve("ǃ", "en")
    assert found.unknown == "ǃ"
    assert [dict(pose.shapes) for pose in found.poses] == [{"E": 0.4}]
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("first", "second", "language", "joined"),
    [
        ("t", "ʃ", "en", True),
        ("ɔ", "ø", "de", True),
        ("t", "s", "de", True),
        ("t", "s", "en", False),
        ("p", "f", "tr", False),
        ("t", "s", "it", True),
        ("n", "\u0329", "en", False),
        ("", "tʃ", "en", False),
        ("a", "p", "en", False),
    ],
)
def test_halves_join_only_where_the_language_has_the_whole(
    first: str, second: str, language: str, joined: bool
) -> None:
    assert phone_table().joins(first, second, language) is joined


@given(st.text(max_size=8), st.text(max_size=5))
def test_any_text_resolves(ipa: str, language: str) -> None:
    found = phone_table().resolve(ipa, language)
    if found.poses:
        assert abs(sum(pose.share for pose in found.poses) - 1) < 1e-9
    else:
        assert phone_table().is_mark(ipa) or not any(unicodedata.category(char).startswith("L") for char in ipa)


def rows() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(PHONES.read_text(encoding="utf-8"))["phones"]
    return loaded


def test_every_row_can_be_shown_on_every_face() -> None:
    for row in rows():
        for language in [*row["languages"], "xx"]:
            for pose in phone_table().resolve(row["ipa"], language).poses:
                assert {name for name, _ in pose.shapes} <= set(target_set("oculus").shapes)
                for name, sent in pose.ids.items():
                    assert {id_ for id_, _ in sent} <= {
                        id_ for target in SETS if target == name for id_ in target_set(target).ids
                    }


def test_closures_rounding_and_jaw_of_the_table() -> None:
    for row in rows():
        names = [name for step in row["steps"] for name in step["shapes"]]
        if row["ipa"] in ("p", "b", "m"):
            assert row["steps"] == [{"shapes": {"PP": 1}, "rhubarb": "A", "skyrim": "BMP", "vrm": {}}]
        if {"SS", "CH"} & set(names):
            assert row["jaw"] <= 0.35
        if row["class"] == "vowel" and "ou" in names:
            assert row["round"] >= 0.7


def test_both_shape_sets_know_every_canonical_shape() -> None:
    canonical = target_set("oculus").ids
    assert " ".join(canonical) == "sil PP FF TH DD kk CH SS nn RR aa E ih oh ou"
    assert tuple(target_set("arkit").shapes) == canonical


BROKEN: list[tuple[str, str, str]] = [
    ('"share": 0.6', '"share": 0.7', "add up to 1"),
    ('"shapes": {"PP": 1}', '"shapes": {"PP": 0.5}', "PP must reach 0.9"),
    ('"jaw": 0.35', '"jaw": 3.5', "less than or equal to 1"),
    ('"unknown": "ə"', '"unknown": "ʘ"', "stand-in"),
    ('"azure": {"*": ["21"]}', '"azure": {"en": ["21"]}', "no Azure id"),
    ('"version": 1', '"version": 1, "verion": 1', "verion"),
    ('"phones": [', '"phones": ', "JSON"),
]


@pytest.mark.parametrize(("old", "new", "message"), BROKEN)
def test_a_damaged_table_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "phones.json"
    text = PHONES.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SetupError, match=message) as caught:
        PhoneTable(path)
    assert "phones.json" in caught.value.message
    assert caught.value.hint


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        PhoneTable(tmp_path / "phones.json")


def test_a_set_with_a_stray_shape_is_named(tmp_path: Path) -> None:
    path = tmp_path / "arkit.json"
    text = bundled("assets", "visemes", "arkit.json").read_text(encoding="utf-8")
    path.write_text(text.replace('"aa": {"jawOpen": 0.6}', '"aa": {"jawOpne": 0.6}'), encoding="utf-8")
    with pytest.raises(SetupError, match="jawOpne"):
        load_set(path)
