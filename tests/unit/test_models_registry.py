"""The shipped registry is sound, and a registry of one's own is checked."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from npc_runtime.errors import ContentError, InputError, ModelError
from npc_runtime.models.registry import Blob, Registry, megabytes

OWN = """
schema = 1
[[models]]
id = "mine"
kind = "llm"
family = "qwen"
title = "Mine"
languages = ["de"]
default = true
licence = "MIT"
ram_mib = 900
main = "m.gguf"
files = [{{ name = "m.gguf", size = 5, sha256 = "{hash}" }}]
hub = {{ repo = "me/mine", revision = "{revision}", files = {{ "m.gguf" = "m.gguf" }} }}
{more}
"""


def own(tmp_path: Path, *, sha: str = "0" * 64, revision: str = "a" * 40, more: str = "") -> Path:
    path = tmp_path / "models.toml"
    path.write_text(OWN.format(hash=sha, revision=revision, more=more), encoding="utf-8")
    return path


def test_every_shipped_model_says_where_it_comes_from_and_under_what_licence() -> None:
    registry = Registry.load()
    assert {entry.kind for entry in registry.entries} == {"llm", "stt", "tts", "embedding", "turn"}
    for entry in registry.entries:
        assert entry.licence and entry.ram_mib << 20 > entry.size
        assert {piece.name for file in entry.files for piece in file.pieces} == {
            name for wheel in entry.wheels for name in wheel.members
        }
        for package, wheel in zip(entry.packages, entry.wheels, strict=True):
            assert {name: f"{package.module}/{inner}" for name, inner in package.files.items()} == wheel.members
        for file in entry.files:
            assert sum(piece.size for piece in file.pieces) == file.size


def test_the_voice_says_that_its_licence_is_not_the_whole_story() -> None:
    voice = Registry.load().get("en_us-joe-medium")
    assert voice.licence == "CC0-1.0"
    assert "commercial" in voice.note


@pytest.mark.parametrize(
    ("kind", "language", "expected"),
    [
        ("llm", "en", "smollm2-135m-q4"),
        ("stt", "en", "whisper-tiny-en"),
        ("stt", "en-GB", "whisper-tiny-en"),
        ("stt", "de", "whisper-base"),
        ("stt", "tr_TR", "whisper-base"),
        ("tts", "EN", "en_us-joe-medium"),
        ("embedding", "en", "all-minilm-l6-v2-int8"),
    ],
)
def test_default_follows_the_language(kind: str, language: str, expected: str) -> None:
    assert Registry.load().default(kind, language).id == expected  # type: ignore[arg-type]  # table of literals


def test_the_end_of_turn_model_is_for_those_who_ask_for_it() -> None:
    entry = Registry.load().get("smart-turn-v3")
    assert (entry.kind, entry.licence, entry.default) == ("turn", "BSD-2-Clause", False)


def test_no_default_for_a_language_says_which_there_are() -> None:
    with pytest.raises(ModelError, match="no known voice is for the language 'tr'") as failure:
        Registry.load().default("tts", "tr")
    assert "en" in failure.value.hint


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("whisper-tinyen", "whisper-tiny-en"),
        ("en_US-jo-medium", "en_us-joe-medium"),
        ("Smollm2-135M", "smollm2-135m-q4"),
    ],
)
def test_unknown_id_suggests_a_near_one(wrong: str, right: str) -> None:
    with pytest.raises(InputError) as failure:
        Registry.load().get(wrong)
    assert f"did you mean {right}?" in failure.value.hint


def test_the_name_that_characters_use_for_the_voice_finds_it() -> None:
    registry = Registry.load()
    assert registry.get("en_US-joe-medium") is registry.get("en_us-joe-medium")


def test_own_registry_adds_models_that_come_first(tmp_path: Path) -> None:
    registry = Registry.load(own(tmp_path), tmp_path / "absent.toml")
    assert registry.default("llm", "de").id == "mine"
    assert registry.default("llm", "en").id == "smollm2-135m-q4"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha": "xyz"}, "sha256"),
        ({"revision": "main"}, "revision"),
        ({"more": "[[models.parts]]\nx = 1"}, "Extra inputs"),
        ({"more": "no toml"}, "not valid TOML"),
        (
            {"more": "[[models.wheels]]\nproject='p'\nversion='1'\nsize=1\nsha256='" + "0" * 64 + "'\nmembers={x='x'}"},
            "m.gguf",
        ),
    ],
)
def test_mistakes_in_own_registry_are_told_with_the_file(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    path = own(tmp_path, **changes)
    with pytest.raises(ContentError, match=message) as failure:
        Registry.load(path)
    assert failure.value.problems[0].file == str(path)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../b", "c:x", "a\\b", "", ".."])
def test_file_names_cannot_leave_their_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        Blob(name=name, size=1, sha256="0" * 64)


@given(st.text(alphabet="ab./\\:~", max_size=12))
def test_any_accepted_file_name_stays_inside(name: str) -> None:
    try:
        blob = Blob(name=name, size=1, sha256="0" * 64)
    except ValidationError:
        return
    root = Path("/etc/of/all")
    assert (root / blob.name).resolve().is_relative_to(root)


@pytest.mark.parametrize(("size", "told"), [(98_362_432, "98 MB"), (4_794, "1 MB"), (1_400_000_000, "1.4 GB")])
def test_sizes_for_people(size: int, told: str) -> None:
    assert megabytes(size) == told
