"""The house rules that a machine can check: style, types and layers, and the commands that people are told to run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports", "--no-cache"],
    ],
    ids=lambda command: command[0] + command[1][:7] if len(command) > 1 else command[0],
)
def test_house_rules(command: list[str]) -> None:
    tool = Path(sys.executable).with_name(command[0] + (".exe" if os.name == "nt" else ""))
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ci_runs_the_readme_test_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [line for line in readme.splitlines() if line.endswith("pytest") and line.startswith("python3")]
    assert commands, "the README has no test command"
    assert commands[0] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_top_level_holds_what_the_house_allows() -> None:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    top = {line.split("/")[0] for line in done.stdout.splitlines()}
    folders = {"runtime", "characters", "actions", "tests", "assets"}
    allowed = folders | {"pyproject.toml", "README.md", "LICENSE", "uv.lock"}
    assert {name for name in top if not name.startswith(".")} <= allowed


def test_no_module_is_long() -> None:
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in (ROOT / "runtime").rglob("*.py")}
    assert {str(path): count for path, count in lengths.items() if count > 400} == {}


def test_nothing_names_a_machine() -> None:
    done = subprocess.run(
        ["git", "grep", "-nIE", r"/(work|farm|root)/|/tmp/[a-z]", "--", ".", ":!*.lock", ":!tests/unit/test_house.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not re.search(r"\S", done.stdout), done.stdout
