"""Cards that are read and written again: nothing is lost, and what the author changed is in."""

import copy
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from npc_runtime.cli.cards import export_card, import_card
from npc_runtime.content.cards.card import converted, read
from npc_runtime.content.cards.overrides import plain
from npc_runtime.content.cards.png import Chunk, Png, blank
from npc_runtime.content.cards.store import read_pack
from npc_runtime.content.library import Library
from npc_runtime.errors import ContentError
from npc_runtime.resources import bundled

DATA = Path(__file__).parents[1] / "data" / "cards"
NOW = 1_750_000_000
V1 = {
    "name": "Pim",
    "description": "Pim sells eels.",
    "personality": "cheerful",
    "scenario": "",
    "first_mes": "Eels!",
    "mes_example": "{{char}}: Fresh ones.",
    "x_kept": [1, {"a": None}],
}


def card(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return loaded


def put(path: Path, value: dict[str, Any]) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def picture(path: Path, cards: dict[str, Any], *extra: Chunk) -> Path:
    png = blank((90, 60, 30))
    png = Png((*png.chunks[:1], *extra, *png.chunks[1:]))
    path.write_bytes(png.with_cards({key: json.dumps(value).encode() for key, value in cards.items()}).to_bytes())
    return path


def export(root: Path, name: str, out: Path, version: int = 3) -> Path:
    roots = [root, bundled()]
    assert export_card(name, Library.load(roots), roots, out=out, version=version, modified=NOW) == 0
    return out


def through(source: Path, tmp_path: Path, ending: str, version: int = 3) -> Path:
    """A card that went into a content folder and came out again."""
    root = tmp_path / "mod"
    assert import_card(source, root, id="someone") == 0
    return export(root, "someone", tmp_path / f"out{ending}", version)


def without_dates(value: dict[str, Any]) -> dict[str, Any]:
    value = copy.deepcopy(value)
    data = value.get("data", value)
    assert data.pop("modification_date", NOW)
    data.pop("creation_date", None)
    return value


@pytest.mark.parametrize("ending", [".json", ".png", ".charx"])
def test_a_v3_card_comes_back_equal(tmp_path: Path, ending: str) -> None:
    source = put(tmp_path / "in.json", card("mira_v3.json"))
    back = read(through(source, tmp_path, ending)).json
    assert without_dates(back) == without_dates(card("mira_v3.json"))
    assert back["data"]["modification_date"] == NOW
    assert back["data"]["creation_date"] == 1_700_000_000


@pytest.mark.parametrize("ending", [".json", ".png"])
@pytest.mark.parametrize(("version", "original"), [(1, V1), (2, card("odo_v2.json"))])
def test_an_older_card_comes_back_equal(tmp_path: Path, ending: str, version: int, original: dict[str, Any]) -> None:
    back = through(put(tmp_path / "in.json", original), tmp_path, ending, version)
    assert read(back).json == original
    if ending == ".png":
        assert [chunk.keyword for chunk in Png.read(back.read_bytes(), "it").chunks if chunk.keyword] == [b"chara"]


@pytest.mark.parametrize("original", [V1, card("odo_v2.json")])
def test_an_older_card_as_v3_has_all_it_had(tmp_path: Path, original: dict[str, Any]) -> None:
    back = read(through(put(tmp_path / "in.json", original), tmp_path, ".json")).json
    data = back["data"]
    assert (back["spec"], back["spec_version"]) == ("chara_card_v3", "3.0")
    for key, value in original.get("data", original).items():
        if key != "character_book":
            assert data[key] == value
    for field in ("creator_notes", "group_only_greetings", "tags", "extensions", "alternate_greetings"):
        assert field in data
    if "character_book" in data:
        (entry,) = original["data"]["character_book"]["entries"]
        assert data["character_book"]["entries"] == [{**entry, "use_regex": False}]


def test_a_picture_keeps_its_other_chunks_and_carries_both_cards(tmp_path: Path) -> None:
    extra = (Chunk(b"tEXt", b"Comment\0by hand"), Chunk(b"prVt", b"\0\1\2"), Chunk(b"acTL", b"\0" * 8))
    cards = {"chara": card("odo_v2.json"), "ccv3": card("mira_v3.json")}
    out = Png.read(through(picture(tmp_path / "in.png", cards, *extra), tmp_path, ".png").read_bytes(), "it")
    assert [chunk for chunk in out.chunks if chunk in extra] == list(extra)
    plain_chunks = out.without_cards().chunks
    assert plain_chunks == Png.read((tmp_path / "in.png").read_bytes(), "it").without_cards().chunks
    older = json.loads(read_chunk(out, b"chara"))
    assert older["spec"] == "chara_card_v2"
    assert older["data"]["name"] == "Mira Åström"
    assert "Character Card V3" in older["data"]["creator_notes"]
    assert "CANARY-NOTES" in older["data"]["creator_notes"]
    entry = older["data"]["character_book"]["entries"][0]
    assert entry["content"].startswith("The Wend floods")
    assert "use_regex" not in entry
    assert "nickname" not in older["data"]
    assert older["data"]["x_data"] == card("mira_v3.json")["data"]["x_data"]
    assert "CANARY-NOTES" in json.loads(read_chunk(out, b"ccv3"))["data"]["creator_notes"]


def read_chunk(png: Png, keyword: bytes) -> bytes:
    (chunk,) = (chunk for chunk in png.chunks if chunk.keyword == keyword)
    (text,) = (Png((chunk,)).card("it"),)
    assert text is not None
    return text


def test_an_archive_keeps_its_pictures(tmp_path: Path) -> None:
    icon = blank((1, 2, 3)).to_bytes()
    json_card = card("mira_v3.json")
    json_card["data"]["assets"][0]["uri"] = "embeded://assets/icon/images/main.png"
    files = {
        "card.json": json.dumps(json_card).encode(),
        "assets/icon/images/main.png": icon,
        "assets/emotion/images/happy.png": b"happy",
        "module.risum": b"\0opaque",
    }
    source = tmp_path / "in.charx"
    with zipfile.ZipFile(source, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    root = tmp_path / "mod"
    assert import_card(source, root, id="mira") == 0
    source.unlink()
    with zipfile.ZipFile(export(root, "mira", tmp_path / "out.charx")) as archive:
        assert sorted(archive.namelist()) == sorted(files)
        assert {name: archive.read(name) for name in files if name != "card.json"} == {
            name: content for name, content in files.items() if name != "card.json"
        }
        assert without_dates(json.loads(archive.read("card.json"))) == without_dates(json_card)
    out = Png.read(export(root, "mira", tmp_path / "out.png").read_bytes(), "it")
    assert out.without_cards().to_bytes() == icon


def test_a_picture_goes_into_an_archive_as_its_icon(tmp_path: Path) -> None:
    out = through(picture(tmp_path / "in.png", {"chara": card("odo_v2.json")}), tmp_path, ".charx")
    back = read(out)
    assert back.picture is not None
    assert back.data["assets"][0]["uri"] == "embeded://assets/icon/images/main.png"
    assert back.picture.to_bytes() == blank((90, 60, 30)).to_bytes()


@pytest.mark.parametrize("name", ["ansel", "barnaby", "brynja", "henrike", "thora", "zeynep"])
def test_our_own_characters_come_back_equal(tmp_path: Path, name: str) -> None:
    out = export(bundled(), name, tmp_path / "out.png")
    assert import_card(out, tmp_path / "mod") == 0
    before, after = (
        Library.load([bundled()]).character(name),
        Library.load([tmp_path / "mod", bundled()]).character(name),
    )
    assert after.id == name
    assert plain(after) == plain(before)
    again = read(export(tmp_path / "mod", name, tmp_path / "again.json")).json
    assert without_dates(again) == without_dates(read(out).json)


def test_what_the_author_changed_is_in_the_card_and_nothing_else_is_different(tmp_path: Path) -> None:
    root = tmp_path / "mod"
    assert import_card(put(tmp_path / "in.json", card("mira_v3.json")), root) == 0
    file = root / "characters" / "mira_astrom.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("Two crowns.", "Three crowns.").replace("# actions: []", "actions: [wait_here]\n#")
    text = text.replace("  # traits: {openness: 0, c", "  traits: {openness: 0.5, c")
    file.write_text(text, encoding="utf-8")
    facts = root / "knowledge" / "mira_astrom.yaml"
    facts.write_text(
        facts.read_text(encoding="utf-8").replace("each spring", "each autumn") + "  - text: The rope is new.\n",
        encoding="utf-8",
    )
    out = export(root, "mira_astrom", tmp_path / "out.json")
    data, expected = read(out).data, card("mira_v3.json")["data"]
    assert data["mes_example"].endswith("{{char}}: Three crowns. No songs.") or data["mes_example"].endswith(
        "No credit."
    )
    assert data["extensions"].pop("npc_runtime") == {
        "schema": 1,
        "character": {"persona": {"traits": {"openness": 0.5}}, "actions": ["wait_here"]},
    }
    entries, was = data["character_book"].pop("entries"), expected["character_book"].pop("entries")
    assert [entry["content"] for entry in entries] == [
        "@@depth 2\n@@exclude_keys castle\nThe Wend floods each autumn.",
        was[1]["content"],
        was[2]["content"],
        "The rope is new.",
    ]
    for changed in ("mes_example", "modification_date"):
        del data[changed], expected[changed]
    assert data == expected
    assert import_card(out, tmp_path / "other") == 0
    mine, others = (Library.load([place, bundled()]).character("mira_astrom") for place in (root, tmp_path / "other"))
    assert plain(others) == plain(mine)
    assert (tmp_path / "other" / "knowledge" / "mira_astrom.yaml").read_text(encoding="utf-8").count("- text:") == 3


def test_a_fact_that_was_only_reworded_keeps_its_entry(tmp_path: Path) -> None:
    root = tmp_path / "mod"
    assert import_card(put(tmp_path / "in.json", card("mira_v3.json")), root, id="mira") == 0
    facts = root / "knowledge" / "mira.yaml"
    facts.write_text(facts.read_text(encoding="utf-8").replace("each spring", "each autumn"), encoding="utf-8")
    entry = read(export(root, "mira", tmp_path / "out.json")).data["character_book"]["entries"][0]
    expected = card("mira_v3.json")["data"]["character_book"]["entries"][0]
    ours = {"pack": "mira"}
    assert entry == {
        **expected,
        "content": "@@depth 2\n@@exclude_keys castle\nThe Wend floods each autumn.",
        "extensions": {"weight": 10, "npc_runtime": ours},
    }


def test_a_fact_that_was_replaced_takes_its_entry_with_it(tmp_path: Path) -> None:
    root = tmp_path / "mod"
    assert import_card(put(tmp_path / "in.json", card("mira_v3.json")), root, id="mira") == 0
    facts = root / "knowledge" / "mira.yaml"
    facts.write_text("facts: [{text: Goats like salt., tags: [goat]}]\n", encoding="utf-8")
    entries = read(export(root, "mira", tmp_path / "out.json")).data["character_book"]["entries"]
    assert [(entry["keys"], entry["content"]) for entry in entries] == [
        (["off"], "CANARY-OFF"),
        (["goat"], "Goats like salt."),
    ]


def test_edits_in_another_program_arrive(tmp_path: Path) -> None:
    out = read(export(bundled(), "brynja", tmp_path / "out.json")).json
    out["data"]["personality"] = out["data"]["personality"].replace("blunt", "gentle")
    out["data"]["first_mes"] = "Come in."
    assert import_card(put(tmp_path / "edited.json", out), tmp_path / "mod") == 0
    brynja = Library.load([tmp_path / "mod", bundled()]).character("brynja")
    assert (brynja.style.tone, brynja.barks.greet[0]) == ("gentle", "Come in.")
    assert brynja.persona.traits.conscientiousness == 0.7


def test_knowledge_packs_travel_with_the_card(tmp_path: Path) -> None:
    root = tmp_path / "mod"
    for folder in ("characters", "knowledge"):
        (root / folder).mkdir(parents=True)
    (root / "characters" / "ann.yaml").write_text(
        "name: Ann\npersona: {summary: Someone.}\nknowledge: {packs: [vale, town], facts: [I am Ann.]}\n"
    )
    (root / "knowledge" / "vale.yaml").write_text(
        "world: {earth: false}\nfacts: [{text: It is green., tags: [vale]},"
        " {text: Bea hides., known_by: bea, secret: true, tell_when: trust > 0.5}]\n"
    )
    (root / "knowledge" / "town.yaml").write_text("facts: [{text: It is loud.}]\n")
    out = export(root, "ann", tmp_path / "ann.json")
    entries = read(out).data["character_book"]["entries"]
    assert [(entry["content"], entry["enabled"], entry["constant"]) for entry in entries] == [
        ("I am Ann.", True, True),
        ("It is green.", True, False),
        ("Bea hides.", False, True),
        ("It is loud.", True, True),
    ]
    shutil.copytree(root / "knowledge", tmp_path / "other" / "knowledge")
    assert import_card(out, tmp_path / "other") == 0
    before, after = (Library.load([place]).character("ann") for place in (root, tmp_path / "other"))
    assert plain(after) == plain(before)
    assert (tmp_path / "other" / "knowledge" / "vale.yaml").read_text() == (
        root / "knowledge" / "vale.yaml"
    ).read_text()
    assert import_card(out, tmp_path / "third") == 0
    for pack in ("town", "vale"):
        assert read_pack(tmp_path / "third", pack) == read_pack(root, pack) is not None
    (root / "knowledge" / "town.yaml").write_text("facts: [")
    with pytest.raises(ContentError, match=r"town\.yaml:1:9: "):
        export(root, "ann", tmp_path / "broken.json")


def test_keys_and_priorities_travel_with_the_card(tmp_path: Path) -> None:
    root = tmp_path / "mod"
    for folder in ("characters", "knowledge"):
        (root / folder).mkdir(parents=True)
    (root / "characters" / "ann.yaml").write_text(
        "name: Ann\npersona: {summary: Someone.}\nknowledge: {packs: [vale], groups: [Watch]}\n"
    )
    (root / "knowledge" / "vale.yaml").write_text(
        "facts: [{text: It is green., keys: [vale, the green], tags: [grass], priority: 0.9},"
        " {text: It is big., always: true, keys: [size], priority: 0}, {text: It is old., tags: [age]},"
        " {text: It is ours., known_by: watch, priority: 1}]\n"
    )
    out = export(root, "ann", tmp_path / "ann.json")
    entries = read(out).data["character_book"]["entries"]
    assert [(entry["keys"], entry["constant"], entry["enabled"], entry.get("priority")) for entry in entries] == [
        (["vale", "the green"], False, True, 40),
        (["size"], True, True, -1000),
        (["age"], False, True, None),
        ([], True, True, 1000),
    ]
    assert entries[2]["extensions"]["npc_runtime"] == {"pack": "vale", "keys": [], "tags": ["age"]}
    assert import_card(out, tmp_path / "other") == 0
    assert read_pack(tmp_path / "other", "vale") == read_pack(root, "vale")
    facts = root / "knowledge" / "vale.yaml"
    facts.write_text(facts.read_text().replace("0.9", "0.2").replace("always: true, ", ""))
    out = export(root, "ann", tmp_path / "changed.json")
    assert import_card(out, tmp_path / "changed") == 0
    assert read_pack(tmp_path / "changed", "vale") == read_pack(root, "vale")


def test_a_card_of_a_newer_kind_is_read_and_keeps_its_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newer = {**card("mira_v3.json"), "spec": "chara_card_v4", "spec_version": "4.0"}
    back = read(through(put(tmp_path / "in.json", newer), tmp_path, ".json")).json
    assert without_dates(back) == without_dates(newer)
    assert "a newer kind of card ('chara_card_v4')" in capsys.readouterr().out


def test_turning_a_card_into_another_version_does_not_change_it() -> None:
    original = card("mira_v3.json")
    assert converted(original, 1)["name"] == converted(original, 2)["data"]["name"] == "Mira Åström"
    assert original == card("mira_v3.json")
