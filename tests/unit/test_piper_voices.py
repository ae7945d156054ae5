"""Piper voices by name, from a stand-in of the hub that can misbehave."""

import errno
import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from npc_runtime.cli import models as command
from npc_runtime.errors import InputError, ModelError, NpcError, OutputError, SetupError
from npc_runtime.models.locate import locate
from npc_runtime.models.piper_voices import is_voice_name, pull_voice
from npc_runtime.models.registry import Registry
from npc_runtime.models.store import own_registry, write_atomically
from npc_runtime.tts.piper_files import read_files, voice_language

REVISION = "c0ffee" * 6 + "abcd"
NAME = "de_DE-thorsten-medium"
FOLDER = "de/de_DE/thorsten/medium"
CONTENT = {
    f"{NAME}.onnx": bytes(range(256)) * 2048,
    f"{NAME}.onnx.json": b'{"language": {"family": "de"}}',
    "MODEL_CARD": b"# Model card\n\n* Language: de_DE\n* License: CC0\n",
}


class Hub:
    """What the stand-in has."""

    def __init__(self) -> None:
        self.url = ""
        self.files: dict[str, bytes] = {f"{REVISION}/{FOLDER}/{name}": body for name, body in CONTENT.items()}
        self.listed: dict[str, Any] = {
            f"{FOLDER}/{name}": {"size_bytes": len(body), "md5_digest": hashlib.md5(body).hexdigest()}
            for name, body in CONTENT.items()
        }
        self.voices: Any = {NAME: {"language": {"name_english": "German"}, "files": self.listed}}
        self.status = 200
        self.revision = REVISION
        self.cut = 0
        self.seen: list[str] = []

    def answer(self, path: str) -> bytes | None:
        if path == "main/voices.json":
            return self.voices if isinstance(self.voices, bytes) else json.dumps(self.voices).encode()
        return self.files.get(path)


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        hub = self.hub
        path = self.path.removeprefix("/rhasspy/piper-voices/resolve/")
        hub.seen.append(path)
        body = hub.answer(path)
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        status = hub.status if hub.status != 200 else 404 if body is None else 206 if start else 200
        body = (body or b"")[start:]
        self.send_response(status)
        self.send_header("X-Repo-Commit", hub.revision)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{start + len(body)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut, hub.cut = (hub.cut, 0) if path.endswith(".onnx") else (0, hub.cut)
        self.wfile.write(body[: len(body) - cut])
        if cut:
            self.close_connection = True


@pytest.fixture
def hub() -> Iterator[Hub]:
    handler = type("Bound", (Handler,), {"hub": Hub()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        handler.hub.url = f"http://127.0.0.1:{http.server_port}"  # type: ignore[attr-defined]  # set above
        yield handler.hub  # type: ignore[attr-defined]  # set above
        http.shutdown()
        thread.join()


def pulled(hub: Hub, cache: Path, name: str = NAME) -> Any:
    return pull_voice(name, cache=cache, environ={"HF_ENDPOINT": hub.url})


def failure(hub: Hub, cache: Path, kind: type[NpcError], name: str = NAME) -> str:
    with pytest.raises(kind) as caught:
        pulled(hub, cache, name)
    assert caught.value.hint
    assert not own_registry(cache).exists()
    return str(caught.value)


@pytest.mark.parametrize("name", [NAME, "en_US-libritts_r-medium", "pt_PT-tugão-medium", "cy_GB-bu_tts-x_low"])
def test_names_of_voices_are_told_from_others(name: str) -> None:
    assert is_voice_name(name)
    assert not any(is_voice_name(other) for other in ("whisper-base", name.lower(), name + ".onnx", "../" + name))


def test_a_voice_is_fetched_checked_and_known(hub: Hub, tmp_path: Path) -> None:
    own_registry(tmp_path).write_text("# mine\nschema = 1\n", encoding="utf-8")
    progress: list[tuple[int, int]] = []
    entry = pull_voice(
        NAME,
        cache=tmp_path,
        environ={"HF_ENDPOINT": hub.url},
        progress=lambda done, total: progress.append((done, total)),
    )
    total = sum(map(len, CONTENT.values()))
    assert progress[-1] == (total, total)
    assert own_registry(tmp_path).read_text(encoding="utf-8").startswith("# mine\nschema = 1\n")
    assert Registry.load(own_registry(tmp_path)).get(NAME) == entry
    assert (entry.languages, entry.id) == (("de",), NAME.lower())
    assert "its card says: CC0" in entry.note
    assert entry.hub is not None
    assert entry.hub.revision == REVISION
    model = locate(NAME, cache=tmp_path, kind="tts")
    assert {path.name: path.read_bytes() for path in model.files} == CONTENT
    assert voice_language(model.path) == "de"
    assert not list((tmp_path / "downloads").glob("*.part"))


def test_the_command_takes_the_name_of_a_voice(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assert command.pull([NAME], cache=tmp_path) == 0
    assert "its card says: CC0" in capsys.readouterr().out
    with pytest.raises(InputError, match="unknown model"):
        command.pull(["de_DE-thorsten"], cache=tmp_path)


def test_two_voices_at_once_are_both_known(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "de_DE-eva-low"
    for name, body in CONTENT.items():
        path = f"de/eva/{name.replace(NAME, other)}"
        hub.files[f"{REVISION}/{path}"] = body
        described = {"size_bytes": len(body), "md5_digest": hashlib.md5(body).hexdigest()}
        hub.voices.setdefault(other, {"files": {}})["files"][path] = described
    both = threading.Barrier(2)

    def write(path: Path, data: bytes) -> None:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)  # where both write, both have read before
        write_atomically(path, data)

    monkeypatch.setattr("npc_runtime.models.piper_voices.write_atomically", write)
    with ThreadPoolExecutor() as threads:
        entries = list(threads.map(lambda name: pulled(hub, tmp_path, name), (NAME, other)))
    registry = Registry.load(own_registry(tmp_path))
    assert [registry.get(name) for name in (NAME, other)] == entries


def test_whoever_waited_for_a_voice_does_not_fetch_it_again(hub: Hub, tmp_path: Path) -> None:
    waits = threading.Event()
    second: list[Future[Any]] = []

    def progress(done: int, total: int) -> None:
        if not second:
            pull = partial(pull_voice, NAME, cache=tmp_path, on_wait=waits.set, environ={"HF_ENDPOINT": hub.url})
            second.append(threads.submit(pull))
            assert waits.wait(20)

    with ThreadPoolExecutor() as threads:
        entry = pull_voice(NAME, cache=tmp_path, progress=progress, environ={"HF_ENDPOINT": hub.url})
        assert second[0].result(20) == entry
    assert hub.seen.count(f"{REVISION}/{FOLDER}/{NAME}.onnx") == 1
    assert own_registry(tmp_path).read_text(encoding="utf-8").count("[[models]]") == 1


def test_a_broken_download_goes_on_where_it_ended(hub: Hub, tmp_path: Path) -> None:
    hub.cut = 100_000
    assert pulled(hub, tmp_path).languages == ("de",)
    assert hub.seen.count(f"{REVISION}/{FOLDER}/{NAME}.onnx") == 2


def test_a_name_that_is_spelled_nearly_right(hub: Hub, tmp_path: Path) -> None:
    assert f"did you mean {NAME}?" in failure(hub, tmp_path, InputError, "de_DE-torsten-medium")


@pytest.mark.parametrize("voices", [b"<html>log in</html>", b"[]", b"[" * 100_000, b"x" * (9 << 20)])
def test_what_is_no_list_is_told(hub: Hub, tmp_path: Path, voices: bytes) -> None:
    hub.voices = voices
    assert "no list of Piper voices" in failure(hub, tmp_path, ModelError)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({}, "makes no sense"),
        ({"files": []}, "makes no sense"),
        ({"files": {f"a/{NAME}.onnx": {"size_bytes": 1, "md5_digest": "0" * 32}}}, f"the hub has no {NAME}.onnx.json"),
        ({"files": {f"{NAME}.onnx{end}": {"size_bytes": -1, "md5_digest": ""} for end in ("", ".json")}}, "size"),
    ],
)  # fmt: skip
def test_a_voice_that_is_described_badly_is_not_fetched(hub: Hub, tmp_path: Path, described: Any, message: str) -> None:
    hub.voices[NAME] = described
    assert message in failure(hub, tmp_path, ModelError)


def test_a_path_that_leaves_the_repository_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.voices[NAME]["files"] = {
        f"../{name}": {"size_bytes": len(body), "md5_digest": hashlib.md5(body).hexdigest()}
        for name, body in CONTENT.items()
    }
    assert failure(hub, tmp_path, NpcError)
    assert not list(tmp_path.rglob("*.onnx"))


def test_a_file_that_is_not_the_one_that_is_meant(hub: Hub, tmp_path: Path) -> None:
    name = f"{REVISION}/{FOLDER}/{NAME}.onnx"
    hub.files[name] = hub.files[name][::-1]
    assert "arrived damaged" in failure(hub, tmp_path, ModelError)
    hub.files[name] = b"short"
    assert "another file" in failure(hub, tmp_path, ModelError)


@pytest.mark.parametrize(("status", "message"), [(403, "403"), (429, "429"), (500, "500")])
def test_a_hub_that_refuses(hub: Hub, tmp_path: Path, status: int, message: str) -> None:
    hub.status = status
    assert message in failure(hub, tmp_path, SetupError)


def test_no_network_a_proxy_that_is_not_there_and_offline(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SetupError, match="HF_HUB_OFFLINE"):
        pull_voice(NAME, cache=tmp_path, environ={"HF_HUB_OFFLINE": "1"})
    with pytest.raises(SetupError, match="cannot reach"):
        pull_voice(NAME, cache=tmp_path, environ={"HF_ENDPOINT": "http://127.0.0.1:9"})
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    assert "the proxy refuses the way" in failure(hub, tmp_path, SetupError)


def test_a_full_disk(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    assert "free" in failure(hub, tmp_path, OutputError)
    monkeypatch.undo()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("npc_runtime.models.piper_voices.write_atomically", full)
    assert "is full" in failure(hub, tmp_path, OutputError)


def test_a_voice_without_its_description_says_so(hub: Hub, tmp_path: Path) -> None:
    pulled(hub, tmp_path)
    model = locate(NAME, cache=tmp_path).path
    model.with_name(model.name + ".json").unlink()
    for read in (read_files, voice_language):
        with pytest.raises(ModelError, match=r"description .*json does not exist") as caught:
            read(model)
        assert "fetch the voice again" in caught.value.hint
