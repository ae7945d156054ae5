"""YAML syntax errors in plain words: what an author sees instead of the parser's terms."""

import re

from ruamel.yaml.error import MarkedYAMLError

from npc_runtime.content.yaml_tree import Mark, Refusal

_UNEXPECTED = re.compile(r"found character '(.+?)' that cannot start any token", re.DOTALL)
_QUOTE = "put the text in quotes"


def explain(error: MarkedYAMLError, text: str) -> Refusal:
    """Say what is wrong with a document.

    Args:
        error: What the parser raised.
        text: The document.
    """
    problem, context = error.problem or "", error.context or ""
    here = _mark(error.problem_mark) or _mark(error.context_mark) or Mark(1, 1)
    start = _mark(error.context_mark) or here
    character = _at(text, here)
    if character == "\t":
        return Refusal(here, "a tab is used here", "YAML wants spaces, both for indentation and after a key")
    if found := _UNEXPECTED.match(problem):
        sign = found.group(1).encode().decode("unicode_escape") if found.group(1).startswith("\\") else found.group(1)
        return Refusal(here, f"a value cannot begin with `{sign}`", _QUOTE)
    if "mapping values are not allowed" in problem:
        return Refusal(here, "a `:` is not expected here", f"{_QUOTE}, or check the indentation")
    if "escape" in problem:
        hint = r"in double quotes write `\\` for a backslash, or use single quotes"
        return Refusal(here, "this escape does not exist", hint)
    if "quoted scalar" in context:
        return Refusal(start, "the quote that opens here is never closed", "add the closing quote")
    if "flow" in context and "scalar" not in context:
        opening = _at(text, start)
        if opening not in ("[", "{"):
            return Refusal(here, "a value or a closing bracket is missing here", "add `]` or `}`")
        if "<stream end>" in problem or start.line != here.line:
            closing = "]" if opening == "[" else "}"
            return Refusal(start, f"the `{opening}` that opens here is never closed", f"add `{closing}`")
        return Refusal(here, "a comma or a closing bracket is missing here", f"{_QUOTE} if it holds brackets or commas")
    if "could not find expected ':'" in problem:
        return Refusal(start, "this is neither `key: value` nor `- item`", "is a `:` missing, or a quote?")
    if "sequence entries are not allowed" in problem:
        return Refusal(here, "a `-` is not expected here", "put the list on lines of its own, below its key")
    if "expected <block end>" in problem:
        return Refusal(here, "this does not line up with what is above it", "check indentation, brackets and quotes")
    if "anchor" in context or "alias" in context:
        return Refusal(start, "a text that begins with `&` or `*` needs quotes", _QUOTE)
    if "tag" in context:
        return Refusal(start, "a text that begins with `!` needs quotes", _QUOTE)
    return Refusal(here, "this is not valid YAML", problem)


def _mark(mark: object) -> Mark | None:
    line, column = getattr(mark, "line", None), getattr(mark, "column", None)
    return Mark(line + 1, column + 1) if isinstance(line, int) and isinstance(column, int) else None


def _at(text: str, mark: Mark) -> str:
    lines = text.splitlines()
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    return line[mark.column - 1 : mark.column]
