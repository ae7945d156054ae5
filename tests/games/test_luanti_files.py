"""The files of the mod: its pictures are what their script draws, and its content is what the runtime expects."""

import importlib.util
import struct
import zlib
from pathlib import Path
from types import ModuleType

import pytest
from tests.games._luanti import CONTENT, MOD

from npc_runtime.cli.check import check


@pytest.fixture(scope="module")
def art() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_art", MOD.parent / "make_art.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pixels(png: bytes) -> bytes:
    """The header and the raw rows: compressors of other versions pack the same rows otherwise."""
    at, rows, header = 8, b"", b""
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        rows += data if kind == b"IDAT" else b""
        header = data if kind == b"IHDR" else header
        at += 12 + length
    return header + zlib.decompress(rows)


def test_pictures_and_body_are_what_the_script_makes(art: ModuleType, tmp_path: Path) -> None:
    art.write(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")}
    kept = {
        path.relative_to(MOD): path.read_bytes() for kind in ("textures", "models") for path in (MOD / kind).iterdir()
    }
    assert made.keys() == kept.keys()
    for name, data in made.items():
        if name.suffix == ".png":
            assert pixels(data) == pixels(kept[name]), name
        else:
            assert data == kept[name], name


def test_every_texture_that_the_mod_names_is_there() -> None:
    faces = {"neutral", "happy", "sad", "angry", "afraid", "surprised"}
    source = (MOD / "lua" / "look.lua").read_text(encoding="utf-8")
    assert all(f'"{face}"' in source for face in faces)
    there = {path.stem for path in (MOD / "textures").iterdir()}
    assert there == {f"npc_runtime_face_{face}" for face in faces} | {
        f"npc_runtime_{n}" for n in ("skin", "clothes", "hair")
    }


def test_the_content_is_faultless() -> None:
    assert check([CONTENT]) == 0
