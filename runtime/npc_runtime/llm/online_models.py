"""Which models a service has, and which of them somebody may have meant."""

import difflib
from collections.abc import Mapping, Sequence

_MOST_MODELS = 3000
_LONGEST_NAME = 160


def model_names(answer: object) -> list[str]:
    """The names in what a service answers to `GET /models`; empty if that makes no sense."""
    data = answer.get("data") if isinstance(answer, Mapping) else answer
    if not isinstance(data, list):
        return []
    names = [entry.get("id") for entry in data[:_MOST_MODELS] if isinstance(entry, Mapping)]
    return [
        name.removeprefix("models/")
        for name in names
        if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable()
    ]


def closest(wanted: str, names: Sequence[str]) -> list[str]:
    """The two names at most that are nearest to what somebody wrote, the nearest first."""
    by_key = {name.casefold(): name for name in names}
    short = _short(wanted.casefold())
    same = [name for key, name in by_key.items() if _short(key) == short]
    close = [by_key[key] for key in difflib.get_close_matches(wanted.casefold(), by_key, n=2, cutoff=0.6)]
    if not close:
        shorts = {_short(key): name for key, name in by_key.items()}
        close = [shorts[key] for key in difflib.get_close_matches(short, shorts, n=2, cutoff=0.6)]
    return [name for name in dict.fromkeys([*same, *close]) if name != wanted][:2]


def _short(name: str) -> str:
    """A name without the organisation before it."""
    return name.rpartition("/")[2]
