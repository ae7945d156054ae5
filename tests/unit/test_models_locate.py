"""A model is found at a path, in a package or in the cache, and a wrong file is told apart from a missing one."""

import hashlib
import importlib
import json
import os
import sys
from pathlib import Path

import pytest

from npc_runtime.errors import InputError, ModelError, OutputError
from npc_runtime.models.locate import MissingModelError, locate
from npc_runtime.models.registry import Kind, ModelEntry, Registry
from npc_runtime.models.verify import Verdicts

PARTS = {"model.bin.part1": b"first half, ", "model.bin.part2": b"second half"}
CONFIG = b"{}"


def blob(name: str, data: bytes) -> dict[str, object]:
    return {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def whole() -> ModelEntry:
    return ModelEntry.model_validate(
        {
            "id": "whole",
            "kind": "llm",
            "family": "f",
            "title": "Whole",
            "languages": ["en"],
            "licence": "MIT",
            "ram_mib": 1,
            "main": "m.gguf",
            "files": [blob("m.gguf", b"GGUF weights")],
            "packages": [{"module": "npc_fake_whole", "files": {"m.gguf": "data/m.gguf"}}],
        }
    )


def parted() -> ModelEntry:
    model = blob("model.bin", b"".join(PARTS.values()))
    model["parts"] = [blob(name, data) for name, data in PARTS.items()]
    return ModelEntry.model_validate(
        {
            "id": "parted",
            "kind": "stt",
            "family": "whisper",
            "title": "Parted",
            "languages": ["en"],
            "licence": "MIT",
            "ram_mib": 1,
            "files": [model, blob("config.json", CONFIG)],
            "packages": [
                {"module": "npc_fake_one", "files": {"model.bin.part1": "data/model.bin.part1"}},
                {
                    "module": "npc_fake_two",
                    "files": {"model.bin.part2": "data/model.bin.part2", "config.json": "data/config.json"},
                },
            ],
        }
    )


REGISTRY = Registry([whole(), parted()])


def install(site: Path, module: str, files: dict[str, bytes]) -> None:
    (site / module / "data").mkdir(parents=True)
    (site / module / "__init__.py").write_text("raise RuntimeError('must not be imported')", encoding="utf-8")
    for name, data in files.items():
        (site / module / "data" / name).write_bytes(data)
    importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.syspath_prepend(str(path))
    return path


def put(cache: Path, model_id: str, name: str, data: bytes) -> Path:
    path = cache / "models" / model_id / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_missing_model_names_size_licence_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError) as failure:
        locate("whole", cache=tmp_path, registry=REGISTRY)
    assert "language model whole" in failure.value.message
    assert "MB, MIT" in failure.value.message
    assert failure.value.hint == "run `npc-runtime models pull whole`"
    assert failure.value.entry.id == "whole"
    assert failure.value.exit_code == 3


def test_installed_package_is_found_without_importing_it_and_before_the_cache(tmp_path: Path, site: Path) -> None:
    install(site, "npc_fake_whole", {"m.gguf": b"GGUF weights"})
    put(tmp_path, "whole", "m.gguf", b"GGUF weights")
    found = locate("whole", cache=tmp_path, kind="llm", registry=REGISTRY)
    assert (found.origin, found.path) == ("package", site / "npc_fake_whole" / "data" / "m.gguf")
    assert "npc_fake_whole" not in sys.modules


def test_cache_is_found(tmp_path: Path) -> None:
    path = put(tmp_path, "whole", "m.gguf", b"GGUF weights")
    found = locate("whole", cache=tmp_path, registry=REGISTRY)
    assert (found.origin, found.path, found.files) == ("cache", path, (path,))


def test_damaged_file_tells_both_hashes_and_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, "whole", "m.gguf", b"GGUF weightz")
    expected = hashlib.sha256(b"GGUF weights").hexdigest()[:12]
    actual = hashlib.sha256(b"GGUF weightz").hexdigest()[:12]
    with pytest.raises(ModelError, match=f"{actual}… where {expected}…") as failure:
        locate("whole", cache=tmp_path, registry=REGISTRY)
    assert "npc-runtime models pull whole" in failure.value.hint


def test_damaged_package_says_to_reinstall_it(tmp_path: Path, site: Path) -> None:
    install(site, "npc_fake_whole", {"m.gguf": b"half"})
    with pytest.raises(ModelError, match="4 bytes where 12 are expected") as failure:
        locate("whole", cache=tmp_path, registry=REGISTRY)
    assert "--force-reinstall --no-deps npc-fake-whole" in failure.value.hint


def test_wrong_kind_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="whole is a language model, and a voice is wanted"):
        locate("whole", cache=tmp_path, kind="tts", registry=REGISTRY)


def test_unknown_id_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean whole"):
        locate("whol", cache=tmp_path, registry=REGISTRY)


def test_packages_in_two_parts_are_put_together_once(tmp_path: Path, site: Path) -> None:
    cache = tmp_path / "cache"
    install(site, "npc_fake_one", {"model.bin.part1": PARTS["model.bin.part1"]})
    install(site, "npc_fake_two", {"model.bin.part2": PARTS["model.bin.part2"], "config.json": CONFIG})
    found = locate("parted", cache=cache, registry=REGISTRY)
    assert found.path == cache / "models" / "parted"
    assert (found.path / "model.bin").read_bytes() == b"first half, second half"
    assert sorted(file.name for file in found.path.iterdir()) == ["config.json", "model.bin"]
    assert [folder.name for folder in (cache / "models").iterdir()] == ["parted"]
    before = (found.path / "model.bin").stat().st_mtime_ns
    locate("parted", cache=cache, registry=REGISTRY)
    assert (found.path / "model.bin").stat().st_mtime_ns == before


def test_one_of_two_packages_is_not_enough(tmp_path: Path, site: Path) -> None:
    install(site, "npc_fake_one", {"model.bin.part1": PARTS["model.bin.part1"]})
    with pytest.raises(MissingModelError):
        locate("parted", cache=tmp_path, registry=REGISTRY)


@pytest.mark.parametrize("second", [b"second holf", b"second half and more", b"second"])
def test_a_wrong_part_leaves_nothing_behind(tmp_path: Path, site: Path, second: bytes) -> None:
    cache = tmp_path / "cache"
    install(site, "npc_fake_one", {"model.bin.part1": PARTS["model.bin.part1"]})
    install(site, "npc_fake_two", {"model.bin.part2": second, "config.json": CONFIG})
    with pytest.raises(ModelError, match=r"model\.bin\.part2"):
        locate("parted", cache=cache, registry=REGISTRY)
    assert list((cache / "models").iterdir()) == []


def test_a_cache_that_cannot_be_written_to_is_told(tmp_path: Path, site: Path) -> None:
    install(site, "npc_fake_one", {"model.bin.part1": PARTS["model.bin.part1"]})
    install(site, "npc_fake_two", {"model.bin.part2": PARTS["model.bin.part2"], "config.json": CONFIG})
    (tmp_path / "cache").write_bytes(b"a file, not a folder")
    with pytest.raises(OutputError, match="cannot write the model parted") as failure:
        locate("parted", cache=tmp_path / "cache", registry=REGISTRY)
    assert failure.value.exit_code == 3


def test_hash_is_computed_once_per_change_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "whole", "m.gguf", b"GGUF weights")
    hashed: list[Path] = []

    def counting(file: Path) -> str:
        hashed.append(file)
        return hashlib.sha256(file.read_bytes()).hexdigest()

    monkeypatch.setattr("npc_runtime.models.verify.sha256_of", counting)
    locate("whole", cache=tmp_path, registry=REGISTRY)
    locate("whole", cache=tmp_path, registry=REGISTRY)
    assert len(hashed) == 1
    Verdicts(tmp_path).sha256(path, force=True)
    assert len(hashed) == 2
    path.write_bytes(b"GGUF weightz")
    os.utime(path, ns=(1, 1))
    with pytest.raises(ModelError, match="damaged"):
        locate("whole", cache=tmp_path, registry=REGISTRY)
    assert len(hashed) == 3


@pytest.mark.parametrize("garbage", ["", "[]", "{not json", '{"/x": 1, "/y": [1]}'])
def test_damaged_memory_of_hashes_is_ignored(tmp_path: Path, garbage: str) -> None:
    put(tmp_path, "whole", "m.gguf", b"GGUF weights")
    (tmp_path / "verified.json").write_text(garbage, encoding="utf-8")
    locate("whole", cache=tmp_path, registry=REGISTRY)
    assert len(json.loads((tmp_path / "verified.json").read_text(encoding="utf-8"))) == 1


WHISPER = b"\x06\0\0\0\x0c\0WhisperSpec\0rest"
VOICE = json.dumps({"audio": {"sample_rate": 22050}}).encode()


@pytest.mark.parametrize(
    ("name", "files", "kind", "count"),
    [
        ("my.gguf", {"my.gguf": b"GGUF\x03\0\0\0"}, "llm", 1),
        ("v.onnx", {"v.onnx": b"\x08\x08", "v.onnx.json": VOICE}, "tts", 2),
        ("e.onnx", {"e.onnx": b"\x08\x0a"}, "embedding", 1),
        ("w", {"w/model.bin": WHISPER, "w/config.json": b"{}", "w/vocabulary.json": b"[1]"}, "stt", 3),
        (
            "w",
            {"w/model.bin": WHISPER, "w/config.json": b"{}", "w/vocabulary.txt": b"a", "w/tokenizer.json": b"{}"},
            "stt",
            4,
        ),
    ],
)
def test_model_of_the_persons_own(tmp_path: Path, name: str, files: dict[str, bytes], kind: Kind, count: int) -> None:
    write_all(tmp_path, files)
    found = locate(name, cache=tmp_path / "cache", kind=kind, base=tmp_path, registry=REGISTRY)
    assert (found.kind, found.origin, found.path, found.entry) == (kind, "config", tmp_path / name, None)
    assert len(found.files) == count


@pytest.mark.parametrize(
    ("name", "files", "kind", "message"),
    [
        ("gone.gguf", {}, "llm", "does not exist"),
        ("sub/gone", {}, "llm", "does not exist"),
        ("a.gguf", {"a.gguf": b""}, "llm", r"is empty \(0 bytes\)"),
        ("a.gguf", {"a.gguf": b"<!DOCTYPE html>"}, "llm", "does not begin with the letters GGUF"),
        ("a.gguf", {"a.gguf": b"version https://git-lfs.github.com/spec/v1"}, "llm", "Git LFS pointer"),
        ("a.gguf", {"a.gguf": b"GGUF\x03"}, "stt", "is a language model, and a speech-to-text model is wanted"),
        ("a.onnx", {"a.onnx": b""}, "tts", "is empty"),
        ("a.onnx", {"a.onnx": b"PK\x03\x04", "a.onnx.json": VOICE}, "tts", "not an ONNX file"),
        ("a.onnx", {"a.onnx": b"\x08\x08"}, "tts", "no configuration beside it"),
        ("a.onnx", {"a.onnx": b"\x08\x08", "a.onnx.json": b"{"}, "tts", "not valid JSON"),
        ("a.onnx", {"a.onnx": b"\x08\x08", "a.onnx.json": b"{}"}, "tts", "not the configuration"),
        ("a.txt", {"a.txt": b"x"}, "llm", "not a kind of model file"),
        ("d", {"d/readme": b"x"}, "stt", "has no model.bin"),
        ("d", {"d/x.gguf": b"GGUF"}, "llm", "has no model.bin"),
        ("d", {"d/model.bin": b"", "d/config.json": b"{}"}, "stt", "is empty"),
        ("d", {"d/model.bin": b"\x06"}, "stt", "not a Whisper model"),
        ("d", {"d/model.bin": b"\x06\0\0\0\x10\0TransformerSpec\0"}, "stt", "it holds a TransformerSpec"),
        ("d", {"d/model.bin": WHISPER}, "stt", "config.json and vocabulary.txt .* missing"),
        ("d", {"d/model.bin": WHISPER, "d/config.json": b"{}"}, "stt", "vocabulary.txt .* missing"),
    ],
)
def test_each_wrong_file_has_its_own_message(
    tmp_path: Path, name: str, files: dict[str, bytes], kind: Kind, message: str
) -> None:
    write_all(tmp_path, files)
    with pytest.raises(ModelError, match=message) as failure:
        locate(name, cache=tmp_path / "cache", kind=kind, base=tmp_path, registry=REGISTRY)
    assert failure.value.hint


def write_all(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
