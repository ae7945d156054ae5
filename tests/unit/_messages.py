"""What the source says to people: the templates of messages and hints, and the help of the command line.

Run it to write `tests/data/english_only.txt` anew: the messages that have no translation yet.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import typer

from npc_runtime.cli.main import app
from npc_runtime.cli.tongue import translated

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "runtime" / "npc_runtime"
ENGLISH_ONLY = ROOT / "tests" / "data" / "english_only.txt"
_CALLS = re.compile(r"\w*Error|problem|Problem|Notice|Finding|Mistake|Refusal|Placement|Reason|Miss|Verdict|shown")
_VARIABLES = frozenset({"message", "hint", "fix", "fault"})
_COMMAND = re.compile(r"(?:npc-runtime|pip install)( [a-z⟦][\w⟦⟧-]*)+")
"""What people are told to type, in every language."""
_ENGLISH = re.compile(r"(?<![\w`'])(?:the|a|are|has|no|not|cannot|does|which|to be) (?!⟦)", re.IGNORECASE)
"""Words that a message in German or Turkish does not have."""
_VALUE = "⟦v⟧"
"""Stands for a value: no template has words like it."""


def messages() -> Iterator[tuple[str, Path]]:
    """Every template, with its values as `⟦v⟧`, and the file that it is in."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for part in _told(node):
                for text in _texts(part):
                    words = re.search(r"[a-z]{2,} ?.*[a-z ]", text.replace(_VALUE, ""))
                    if words and " " in text.strip() and not _COMMAND.fullmatch(text):
                        yield text, path.relative_to(SOURCE)


def helps() -> Iterator[str]:
    """The help texts of all commands and options."""
    waiting = [typer.main.get_command(app)]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        yield command.help or ""
        yield from (text for option in command.params if (text := getattr(option, "help", None)))


def untranslated(languages: tuple[str, ...] = ("de", "tr")) -> list[str]:
    """The messages that a language lacks, as lines `file: template`."""
    lacking = {
        f"{path.as_posix()}: {' '.join(text.split())}"
        for text, path in messages()
        if any(translated(text, language) == text for language in languages)
    }
    return sorted(lacking)


def swallowed(language: str) -> list[str]:
    """Messages that are half in English after their translation: a template took some of their words for a value."""
    told = {text: translated(text, language) for text, _ in messages()}
    return sorted(text for text, words in told.items() if words != text and _ENGLISH.search(words))


def _told(node: ast.AST) -> list[ast.expr]:
    """The expressions of a node that become a message or a hint."""
    if isinstance(node, ast.Assign):
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        return [node.value] if _VARIABLES.intersection(names) else []
    if isinstance(node, ast.FunctionDef) and ast.unparse(node.returns or node) == "tuple[str, str]":
        pairs = [found.value for found in ast.walk(node) if isinstance(found, ast.Return)]
        return [part for pair in pairs if isinstance(pair, ast.Tuple) for part in pair.elts]
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if _CALLS.fullmatch(name):
            return [*node.args, *(word.value for word in node.keywords if word.arg in ("message", "hint"))]
    return []


def _texts(node: ast.expr) -> Iterator[str]:
    """What an expression may be as a text; nothing for what is no text of ours."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield from map("".join, product(*map(_choices, parts)))
        case ast.BinOp(left=left, op=ast.Add()):
            yield from (f"{text}{_VALUE}" for text in _texts(left))
        case ast.IfExp(body=body, orelse=other):
            yield from (*_texts(body), *_texts(other))


def _choices(part: ast.expr) -> Sequence[str]:
    """What a part of a text with values may be: a value, unless it is one of two texts."""
    match part:
        case ast.Constant(value=str(text)):
            return (text,)
        case ast.FormattedValue(value=ast.IfExp(body=body, orelse=other)):
            either = [[*_texts(body)], [*_texts(other)]]
            return [*either[0], *either[1]] if all(either) else (_VALUE,)
    return (_VALUE,)


if __name__ == "__main__":
    ENGLISH_ONLY.write_text("\n".join(untranslated()) + "\n", encoding="utf-8", newline="\n")
