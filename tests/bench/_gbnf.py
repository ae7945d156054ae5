"""The grammars that llama.cpp is given, read once more: whether a text follows from one."""

import re
from collections.abc import Callable, Sequence

Ends = Callable[[str, frozenset[int]], frozenset[int]]
"""From a text and the places where something may begin in it to the places where it may have ended."""


class Grammar:
    """Reads GBNF that has one rule a line and no recursion.

    Args:
        text: The grammar.
    """

    _TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|[\w-]+|\{\d+(?:,\d*)?\}|[|()?*+]')

    def __init__(self, text: str) -> None:
        self._bodies = dict(line.split(" ::= ", 1) for line in text.strip().splitlines())
        self._rules: dict[str, Ends] = {}
        self._open = False
        self._root = self._rule("root")

    def derives(self, text: str, *, whole: bool = True) -> bool:
        """Whether a text follows from the grammar.

        Args:
            text: The text.
            whole: Whether it must be complete; otherwise it must only be how such a text begins.
        """
        self._open = False
        ended = len(text) in self._root(text, frozenset({0}))
        return ended or (self._open and not whole)

    def _rule(self, name: str) -> Ends:
        if name not in self._rules:
            tokens = self._TOKEN.findall(self._bodies[name])
            assert not self._TOKEN.sub("", self._bodies[name]).strip(), self._bodies[name]
            self._rules[name] = self._either(tokens)
            assert not tokens, tokens
        return self._rules[name]

    def _either(self, tokens: list[str]) -> Ends:
        """Read alternatives up to the end or a closing parenthesis, taking the tokens away."""
        choices = [self._sequence(tokens)]
        while tokens and tokens[0] == "|":
            del tokens[0]
            choices.append(self._sequence(tokens))
        return lambda text, starts: frozenset().union(*(choice(text, starts) for choice in choices))

    def _sequence(self, tokens: list[str]) -> Ends:
        parts: list[Ends] = []
        while tokens and tokens[0] not in "|)":
            part = self._part(tokens)
            if tokens and tokens[0][0] in "?*+{":
                least, most = _times(tokens.pop(0))
                part = _repeated(part, least, most)
            parts.append(part)

        def ends(text: str, places: frozenset[int]) -> frozenset[int]:
            for part in parts:
                places = part(text, places)
            return places

        return ends

    def _part(self, tokens: list[str]) -> Ends:
        token = tokens.pop(0)
        if token == "(":
            group = self._either(tokens)
            assert tokens.pop(0) == ")"
            return group
        if token[0] == "[":
            return self._characters([re.compile(token, re.DOTALL)])
        if token[0] == '"':
            return self._characters([re.compile(re.escape(char)) for char in re.sub(r"\\(.)", r"\1", token[1:-1])])
        return self._rule(token)

    def _characters(self, patterns: Sequence[re.Pattern[str]]) -> Ends:
        def ends(text: str, places: frozenset[int]) -> frozenset[int]:
            for pattern in patterns:
                self._open = self._open or len(text) in places
                places = frozenset(place + 1 for place in places if pattern.match(text, place))
            return places

        return ends


def _times(token: str) -> tuple[int, int | None]:
    if token[0] != "{":
        return {"?": (0, 1), "*": (0, None), "+": (1, None)}[token]
    least, comma, most = token[1:-1].partition(",")
    return int(least), int(most) if most else None if comma else int(least)


def _repeated(part: Ends, least: int, most: int | None) -> Ends:
    def ends(text: str, places: frozenset[int]) -> frozenset[int]:
        found: frozenset[int] = frozenset()
        count = 0
        while places and (most is None or count <= most):
            if count >= least:
                places -= found  # from where it has been before, it finds nothing new
                found |= places
            if count == most:
                break
            places = part(text, places)
            count += 1
        return found

    return ends
