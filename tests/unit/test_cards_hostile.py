"""Cards that are broken or made to do harm: one clear message each, little memory, and nothing written."""

import base64
import json
import random
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npc_runtime.cli.cards import export_card, import_card
from npc_runtime.content.cards import card_json, charx
from npc_runtime.content.cards.card import read
from npc_runtime.content.cards.png import MAX_FILE, SIGNATURE, Chunk, Png, blank
from npc_runtime.content.library import Library
from npc_runtime.errors import ContentError, InputError

ANN: dict[str, Any] = {"name": "Ann", "description": "Someone."}
_PEAK = 100_000_000
"""Bytes of memory that the worst of these cards may take."""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(*texts: Chunk) -> bytes:
    chunks = blank((9, 9, 9)).chunks
    return Png((*chunks[:-1], *texts, chunks[-1])).to_bytes()


def with_text(text: bytes, kind: bytes = b"tEXt", keyword: bytes = b"chara") -> bytes:
    return picture(Chunk(kind, keyword + b"\0" + text))


def archive(path: Path, *files: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files:
            made.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def refused(tmp_path: Path, source: Path) -> str:
    """The message; the import must leave nothing behind and take little memory."""
    root = tmp_path / "mod"
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            import_card(source, root)
        assert tracemalloc.get_traced_memory()[1] < _PEAK
    finally:
        tracemalloc.stop()
    assert not root.exists()
    assert caught.value.hint or isinstance(caught.value, ContentError)
    return caught.value.message


GOOD = with_text(base64.b64encode(json.dumps(ANN).encode()))

PICTURES: list[tuple[str, bytes, str]] = [
    ("no card", picture(), "is a picture without a character card"),
    ("cut off in a chunk", GOOD[:-20], "is cut off"),
    ("cut off between chunks", GOOD[:-12], "is cut off"),
    ("only a signature", SIGNATURE, "is cut off"),
    (
        "a chunk of 50 MB that is not there",
        SIGNATURE + struct.pack(">I4s", 50_000_000, b"tEXt") + b"x" * 99,
        "is cut off",
    ),
    ("a chunk of 4 GB", SIGNATURE + b"\xff\xff\xff\xffIHDR" + b"x" * 99, "is cut off"),
    ("a wrong checksum", GOOD.replace(b"chara\0ey", b"chara\0eY"), "is damaged (a checksum is wrong)"),
    ("50 000 chunks", SIGNATURE + chunk(b"tEXt", b"a") * 50_001, "more than 50000 chunks"),
    ("broken base64", with_text(b"eyJ!!!"), "is not base64"),
    ("base64 without its end", with_text(b"eyJuYW1lIjo"), "is not base64"),
    ("not UTF-8", with_text(base64.b64encode(b'{"name": "\xff"}')), "is not UTF-8 text"),
    ("UTF-16", with_text(base64.b64encode('{"name": "A"}'.encode("utf-16"))), "is not UTF-8 text"),
    ("no JSON", with_text(base64.b64encode(b"hello")), "is not valid JSON (line 1, column 1)"),
    ("a packed text of 40 MB", with_text(b"\0" + zlib.compress(b"A" * 40_000_000), b"zTXt"), "when unpacked"),
    ("a packed text that is damaged", with_text(b"\0hello", b"zTXt"), "cannot be unpacked"),
    ("an international text that is damaged", with_text(b"\1\0\0\0hello", b"iTXt"), "cannot be unpacked"),
    ("a JPEG", b"\xff\xd8\xff\xe0JFIF", "is a JPEG picture, which carries no card"),
]


@pytest.mark.parametrize(("raw", "message"), [case[1:] for case in PICTURES], ids=[case[0] for case in PICTURES])
def test_pictures(tmp_path: Path, raw: bytes, message: str) -> None:
    source = tmp_path / "x.png"
    source.write_bytes(raw)
    assert message in refused(tmp_path, source)


JSONS: list[tuple[str, bytes, str]] = [
    ("empty", b"", "is not valid JSON"),
    ("a list", b"[]", "is not a JSON object"),
    ("no card", b'{"a": 1}', "holds JSON, but no character card"),
    ("no name", b'{"description": "x"}', "has no name"),
    ("a name of nothing", b'{"name": " ", "description": "x"}', "has no name"),
    ("a name of signs that names may not have", b'{"name": "[]{}", "description": "x"}', "no usable name"),
    ("data that is a list", b'{"spec": "chara_card_v2", "data": []}', "no character card"),
    ("a lorebook without entries", b'{"spec": "lorebook_v3", "data": {}}', "has no name"),
    ("NaN", b'{"name": NaN}', "is not valid JSON"),
    ("a number beyond all", b'{"name": 1e999}', "is not valid JSON"),
    ("digits without end", b'{"name": ' + b"9" * 5000 + b"}", "is not valid JSON"),
    ("a hundred thousand levels", b'{"a":' * 100_000, "levels of lists and objects"),
    ("levels of lists", b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "levels of lists and objects"),
    ("a million values", b'{"a": [' + b"0," * 1_000_000 + b"0]}", "values"),
    ("17 MB", b'{"name": "' + b"x" * 17_000_000 + b'"}', "is larger than 16 MB"),
    ("binary", bytes(range(256)), "is not UTF-8 text"),
]


@pytest.mark.parametrize(("raw", "message"), [case[1:] for case in JSONS], ids=[case[0] for case in JSONS])
def test_json(tmp_path: Path, raw: bytes, message: str) -> None:
    source = tmp_path / "x.json"
    source.write_bytes(raw)
    assert message in refused(tmp_path, source)


def test_a_picture_of_50_mb(tmp_path: Path) -> None:
    source = tmp_path / "x.png"
    with source.open("wb") as stream:
        stream.write(SIGNATURE + struct.pack(">I4s", 50_000_000, b"tEXt"))
        stream.truncate(50_000_020)
    assert f"larger than {MAX_FILE // 1_000_000} MB" in refused(tmp_path, source)


def test_a_card_of_30_mb_in_a_picture(tmp_path: Path) -> None:
    source = tmp_path / "x.png"
    source.write_bytes(with_text(b"A" * 30_000_000))
    assert "holds a card of 30 MB" in refused(tmp_path, source)


def test_packed_texts_are_read_where_they_are_sound(tmp_path: Path) -> None:
    text = base64.b64encode(json.dumps(ANN).encode())
    for kind, body in (
        (b"zTXt", b"\0" + zlib.compress(text)),
        (b"iTXt", b"\1\0\0\0" + zlib.compress(text)),
        (b"iTXt", b"\0\0en\0Karte\0" + text),
        (b"tEXt", text[:10] + b"\n " + text[10:]),
    ):
        (tmp_path / "x.png").write_bytes(with_text(body, kind))
        assert read(tmp_path / "x.png").json == ANN


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([("card.json", b"{}"), ("../evil.txt", b"x")], "leads out of it: ../evil.txt"),
        ([("card.json", b"{}"), ("/etc/evil", b"x")], "leads out of it"),
        ([("card.json", b"{}"), ("a/../../evil", b"x")], "leads out of it"),
        ([("card.json", b"{}"), ("..\\evil", b"x")], "leads out of it"),
        ([("card.json", b"{}"), ("C:evil", b"x")], "leads out of it"),
        ([("card.json", b"{}"), ("a\nb", b"x")], "leads out of it"),
        ([("other.json", b"{}")], "holds no card.json"),
        ([("card.json", b"{}")], "no character card"),
        ([("card.json", b"\xff")], "is not UTF-8 text"),
        ([(f"{number}", b"") for number in range(2001)], "more than 2000 files"),
        ([("card.json", b" " * 17_000_000)], "is larger than 16 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_archives(tmp_path: Path, files: list[tuple[str, bytes]], message: str) -> None:
    assert message in refused(tmp_path, archive(tmp_path / "x.charx", *files))


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path) -> None:
    source = archive(tmp_path / "x.charx", ("card.json", json.dumps(ANN).encode()), ("zeros", b"\0" * 1000))
    raw = bytearray(source.read_bytes())
    struct.pack_into("<I", raw, raw.rindex(b"PK\x01\x02") + 24, 500_000_000)  # what its directory says of `zeros`
    source.write_bytes(raw)
    assert "400 MB unpacked" in refused(tmp_path, source)


def test_an_archive_whose_directory_lies(tmp_path: Path) -> None:
    source = archive(tmp_path / "x.charx", ("card.json", b" " * 10_000_000 + json.dumps(ANN).encode()))
    raw = bytearray(source.read_bytes())
    struct.pack_into("<I", raw, raw.rindex(b"PK\x01\x02") + 24, 100)
    source.write_bytes(raw)
    assert refused(tmp_path, source)


def test_an_archive_that_is_too_large(tmp_path: Path) -> None:
    source = archive(tmp_path / "x.charx", ("card.json", json.dumps(ANN).encode()))
    with source.open("r+b") as stream:
        stream.truncate(charx.MAX_ARCHIVE + 1)
    assert "200 MB" in refused(tmp_path, source)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_two_cards(tmp_path: Path) -> None:
    card = json.dumps(ANN).encode()
    assert "holds several card.json" in refused(
        tmp_path, archive(tmp_path / "x.charx", ("card.json", card), ("card.json", card))
    )


def test_an_encrypted_archive(tmp_path: Path) -> None:
    source = archive(tmp_path / "x.charx", ("card.json", json.dumps(ANN).encode()))
    raw = source.read_bytes()
    at = raw.index(b"PK\x01\x02") + 8
    source.write_bytes(raw[:at] + b"\1" + raw[at + 1 :])
    assert "is encrypted" in refused(tmp_path, source)


@pytest.mark.parametrize(
    "spoil", [lambda raw: raw[:40], lambda raw: raw.replace(b"Someone", b"Nobody."), lambda _: b""]
)
def test_a_damaged_archive(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    source = tmp_path / "x.charx"
    with zipfile.ZipFile(source, "w") as made:
        made.writestr("card.json", json.dumps(ANN))
    source.write_bytes(spoil(source.read_bytes()))
    assert "is damaged, or not a .charx archive" in refused(tmp_path, source)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path, tmp_path / "missing.png")
    assert "cannot be read" in refused(tmp_path, tmp_path / "missing.charx")
    assert "cannot be read" in refused(tmp_path, tmp_path)


def test_random_damage_is_never_a_traceback(tmp_path: Path) -> None:
    dice = random.Random(7)
    source = archive(tmp_path / "a.charx", ("card.json", json.dumps(ANN).encode()), ("b.png", b"x" * 50))
    originals = [(GOOD, ".png"), (json.dumps(ANN).encode(), ".json"), (source.read_bytes(), ".charx")]
    outcomes = set()
    for attempt in range(300):
        raw, ending = originals[attempt % 3]
        spoiled = bytearray(raw)
        for _ in range(dice.randint(1, 4)):
            spoiled[dice.randrange(len(spoiled))] = dice.randrange(256)
        file = tmp_path / f"x{ending}"
        file.write_bytes(spoiled[: dice.choice((len(spoiled), dice.randrange(len(spoiled))))])
        try:
            outcomes.add(read(file).data["name"] == "")
        except InputError as error:
            outcomes.add(error.code)
    assert "bad_input" in outcomes


def test_halves_of_emoji_are_mended(tmp_path: Path) -> None:
    source = tmp_path / "x.json"
    source.write_bytes(b'{"name": "Ann \\ud83d", "description": "\\ud83d\\ude00 \\udc00", "x\\ud800": ["\\udfff"]}')
    import_card(source, tmp_path / "mod")
    card = read(tmp_path / "mod" / "characters" / "ann.card.json").json
    assert card == {"name": "Ann \ufffd", "description": "😀 \ufffd", "x\ufffd": ["\ufffd"]}


def test_a_lorebook_of_thousands_is_cut_to_what_a_file_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [f"key {number}" for number in range(50)]
    entries = [{"keys": keys, "content": f"{number} " + "雨" * 90, "enabled": True} for number in range(5000)]
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {**ANN, "character_book": {"entries": entries}}}
    source = tmp_path / "x.json"
    source.write_text(json.dumps(card), encoding="utf-8")
    root = tmp_path / "mod"
    import_card(source, root)
    assert "and no knowledge: 4" in capsys.readouterr().out
    export_card("ann", Library.load([root]), [root], out=tmp_path / "out.json", version=2, modified=1)
    assert read(tmp_path / "out.json").json == card


def test_our_part_of_a_card_may_not_be_larger_than_a_content_file(tmp_path: Path) -> None:
    ours = {"character": {"barks": {"busy": ["x" * 300] * 4000}}}
    source = tmp_path / "x.json"
    source.write_bytes(card_json.write({"spec": "chara_card_v3", "data": {**ANN, "extensions": {"npc_runtime": ours}}}))
    assert "This card is too large" in refused(tmp_path, source)
