"""Piper voices by name: looked up in the hub repository that has them all, fetched, and added to the own registry.

The repository's `voices.json` tells the files of each voice with size and md5. What is fetched is checked against that;
from then on the voice is known by the sha256 of its files and the repository's revision, like every other model.
"""

import json
import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from npc_runtime.errors import InputError, ModelError, SetupError
from npc_runtime.lock import held
from npc_runtime.models.assemble import staging
from npc_runtime.models.fetch import Progress, Remote, fetch
from npc_runtime.models.hub import SETTINGS
from npc_runtime.models.network import TIMEOUT, open_session, place, reaching, refused
from npc_runtime.models.registry import HubSource, ModelEntry, ModelFile, Registry
from npc_runtime.models.store import (
    downloads_folder,
    has_files,
    make_room,
    model_folder,
    own_registry,
    size_of,
    write_atomically,
    writing,
)
from npc_runtime.models.verify import sha256_of

if TYPE_CHECKING:
    import requests

REPOSITORY = "rhasspy/piper-voices"

_NAME = re.compile(r"[a-z]{2,3}_[A-Z]{2,3}-\w+-(?:x_low|low|medium|high)")
_MAX_LIST = 8 << 20
_MAX_FILE = 1 << 30
_CARD = "MODEL_CARD"
_LICENCE = re.compile(r"(?im)^\W*licen[cs]e\W*:\W*(.{1,200})$")
_MORE_RAM_MIB = 150
"""What onnxruntime and the work take, besides the model itself."""


def is_voice_name(name: str) -> bool:
    """Whether a name has the form of those voices: `de_DE-thorsten-medium`."""
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    """Inside the repository."""
    size: Any
    md5: Any

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


def pull_voice(
    name: str,
    *,
    cache: Path,
    progress: Progress | None = None,
    on_wait: Callable[[], None] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ModelEntry:
    """Fetch a voice and make it known.

    Args:
        name: As the repository spells it.
        cache: The cache folder.
        progress: Told how many bytes of the voice are there.
        on_wait: Called once if another process is fetching the same voice.
        environ: Where `HF_ENDPOINT` and `HF_HUB_OFFLINE` are read from.

    Returns:
        Its entry, which is in the registry of the cache folder now.

    Raises:
        InputError: There is no such voice.
        SetupError: The hub cannot be reached, or refuses.
        ModelError: What it has is damaged, or lacks a file.
        OutputError: The cache cannot be written to, or its disk is full.
    """
    if environ.get("HF_HUB_OFFLINE", "").strip().lower() in ("1", "true", "yes", "on"):
        raise SetupError("the hub may not be used: HF_HUB_OFFLINE is set", hint="unset HF_HUB_OFFLINE", code="network")
    own_id, what = _id(name), f"the voice {name}"
    with open_session(environ) as session:
        voices, revision = _listed(session, _url("voices.json", "main", environ))
        described, files = _described(voices, name)
        folder = downloads_folder(cache)
        parts = [folder / f"{own_id}-{file.md5[:16]}.part" for file in files]
        total = sum(file.size for file in files)
        make_room(folder, total - sum(max(0, size_of(part)) for part in parts), what)
        with writing(folder, what), held(folder / f"{own_id}.lock", on_wait=on_wait):
            if entry := _here(own_id, cache):  # another process has fetched it while this one waited
                return entry
            before = 0
            for file, part in zip(files, parts, strict=True):
                url = _url(file.path, revision, environ)
                remote = Remote(url, what, file.size, "", SETTINGS, md5=file.md5)
                fetch(session, remote, part, _shifted(progress, before, total))
                before += file.size
            entry = _entry(name, own_id, described, files, parts, revision)
            with staging(entry, cache) as side:
                for file, part in zip(files, parts, strict=True):
                    os.replace(part, side / file.name)
            _register(entry, cache)
    return entry


def _here(own_id: str, cache: Path) -> ModelEntry | None:
    """A voice that is known, and whose files are there."""
    registry = Registry.load(own_registry(cache))
    entry = registry.get(own_id) if own_id in registry else None
    return entry if entry is not None and has_files(model_folder(cache, own_id), entry) else None


def _url(path: str, revision: str, environ: Mapping[str, str]) -> str:
    from huggingface_hub import hf_hub_url

    return hf_hub_url(REPOSITORY, path, revision=revision, endpoint=environ.get("HF_ENDPOINT") or None)


def _listed(session: "requests.Session", url: str) -> tuple[dict[str, Any], str]:
    """What `voices.json` says, and the revision that it belongs to."""
    host = place(url)
    content = bytearray()
    with reaching(url, SETTINGS), session.get(url, stream=True, timeout=TIMEOUT) as response:
        if response.status_code != 200:
            raise refused(response.status_code, host, SETTINGS)
        for block in response.iter_content(1 << 16):
            content += block
            if len(content) > _MAX_LIST:
                raise _no_list(host)
        answers = [response, *response.history]
    revision = next((seen for answer in answers if (seen := answer.headers.get("X-Repo-Commit"))), "")
    try:
        voices = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _no_list(host) from error
    if not isinstance(voices, dict) or not re.fullmatch("[0-9a-f]{40}", revision):
        raise _no_list(host)
    return voices, revision


def _described(voices: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], list[_File]]:
    """What is told of one voice, and its files: the model, its description, and its card if there is one."""
    described = voices.get(name)
    if described is None:
        near = get_close_matches(name, voices, 1, 0.6)
        hint = f"did you mean {near[0]}?" if near else f"the repository {REPOSITORY} of the hub has them all"
        raise InputError(f"there is no Piper voice {name!r}", hint=hint, code="model")
    try:
        found = {
            PurePosixPath(path).name: _File(path, file["size_bytes"], file["md5_digest"])
            for path, file in described["files"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise _unusable(name, "what the hub says of it makes no sense") from error
    wanted = (f"{name}.onnx", f"{name}.onnx.json", _CARD)
    missing = [file for file in wanted[:2] if file not in found]
    if missing:
        raise _unusable(name, f"the hub has no {missing[0]}")
    files = [found[file] for file in wanted if file in found]
    for file in files:
        sound = isinstance(file.size, int) and 0 < file.size <= _MAX_FILE
        if not (sound and isinstance(file.md5, str) and re.fullmatch("[0-9a-f]{32}", file.md5)):
            raise _unusable(name, f"the hub does not tell size and md5 of {file.name}")
    return described, files


def _entry(
    name: str, own_id: str, described: Mapping[str, Any], files: list[_File], parts: list[Path], revision: str
) -> ModelEntry:
    language = described.get("language")
    language = language if isinstance(language, dict) else {}
    called = str(language.get("name_english") or name.partition("_")[0])
    card = parts[2].read_text(encoding="utf-8", errors="replace")[:20_000] if len(parts) > 2 else ""
    licence = _LICENCE.search(card)
    says = f"its card says: {_plain(licence[1])}" if licence else "its card does not name one"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    try:
        return ModelEntry(
            id=own_id,
            kind="tts",
            family="piper",
            title=f"Piper voice {_plain(name)}, {_plain(called)}",
            aliases=tuple(dict.fromkeys((name, plain))),
            languages=(name.partition("_")[0],),
            licence="LicenseRef-MODEL-CARD",
            note=f"The licence of each voice is its own; {says}. Read it before you ship the voice.",
            ram_mib=_MORE_RAM_MIB + (files[0].size >> 20),
            main=files[0].name,
            files=tuple(
                ModelFile(name=file.name, size=file.size, sha256=sha256_of(part))
                for file, part in zip(files, parts, strict=True)
            ),
            hub=HubSource(repo=REPOSITORY, revision=revision, files={file.name: file.path for file in files}),
        )
    except ValueError as error:
        raise _unusable(name, "what the hub says of it makes no sense") from error


def _register(entry: ModelEntry, cache: Path) -> None:
    """Add a model to the person's own registry, which may hold more, and which other processes may add to."""
    path = own_registry(cache)
    with held(downloads_folder(cache) / f"{path.name}.lock"):
        text = path.read_text(encoding="utf-8") if path.is_file() else "schema = 1\n"
        if entry.id not in Registry.load(path):
            write_atomically(path, (text.rstrip("\n") + "\n" + _as_toml(entry) + "\n").encode("utf-8"))


def _as_toml(entry: ModelEntry) -> str:
    lines = ["", "[[models]]"]
    keys = ("id", "kind", "family", "title", "aliases", "languages", "licence", "note", "ram_mib", "main")
    lines += [f"{key} = {_toml(getattr(entry, key))}" for key in keys]
    for file in entry.files:
        lines += ["", "[[models.files]]"]
        lines += [f"{key} = {_toml(getattr(file, key))}" for key in ("name", "size", "sha256")]
    assert entry.hub is not None
    lines += ["", "[models.hub]", f"repo = {_toml(entry.hub.repo)}", f"revision = {_toml(entry.hub.revision)}"]
    lines += ["[models.hub.files]"]
    lines += [f"{_toml(name)} = {_toml(inner)}" for name, inner in entry.hub.files.items()]
    return "\n".join(lines)


def _toml(value: object) -> str:
    """JSON writes strings, numbers and lists of them as TOML does, once control characters are gone."""
    return json.dumps(value, ensure_ascii=False)


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text).strip()


def _id(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    return plain.lower()


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    if progress is None:
        return None
    report = progress
    return lambda done, _: report(before + done, total)


def _no_list(host: str) -> ModelError:
    return ModelError(
        f"{host} has no list of Piper voices",
        hint=f"a login page of the network looks like this, or a wrong mirror: check {SETTINGS}",
    )


def _unusable(name: str, why: str) -> ModelError:
    return ModelError(f"the voice {name} cannot be fetched: {why}", hint="choose another voice, or fetch it by hand")
