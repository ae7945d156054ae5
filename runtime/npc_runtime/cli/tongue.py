"""The language of the command line: what we say in English is shown in the language of the person who reads it.

Messages are made in English, wherever they are made, and stay so for machines: in JSON, events and logs. Only where a
person reads them are they translated, by the template of `assets/locale` that they were made from.
"""

import io
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from string import Formatter
from typing import Any

from npc_runtime.errors import UsageError
from npc_runtime.resources import bundled

LANGUAGES = ("en", "de", "tr")
VARIABLE = "NPC_RUNTIME_LANG"
_OPTION = "--lang"
_SYSTEM = ("LC_ALL", "LC_MESSAGES", "LANG")
"""As POSIX has them, the first that is set decides."""
_LONGEST = 4000
"""Characters of a message that is looked up."""
_DEEPEST = 4
"""How often a message may stand within a message."""
_VERBATIM = frozenset({"command", "file", "folder", "id", "key", "name", "path", "said", "url"})
"""Values of templates that are no messages, even if they read like one, as a key named `voice` does."""
_SUBJECT = re.compile(r"`[^`]*`: ")
"""What a mistake in a file is about, before the mistake itself."""
_LIBRARY = re.compile(
    r"^(?:Usage|Options|Commands|Arguments)(?=:)|(?<=\[)(?:default(?=: )|required(?=\]))|Show this message and exit\.",
    re.MULTILINE,
)
"""What the library of the command line says itself in a help text."""

_language = "en"


def use(arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> list[str]:
    """Choose the language: `--lang`, else `NPC_RUNTIME_LANG`, else the system's, else English.

    Args:
        arguments: The command line.
        environ: The environment; this process's by default.

    Returns:
        The command line without `--lang`.

    Raises:
        UsageError: `--lang` names a language without texts.
    """
    global _language
    rest, asked = _without_option(arguments)
    environ = os.environ if environ is None else environ
    _language = _known(environ.get(VARIABLE, "")) or _known(_of_system(environ)) or "en"
    if asked is not None:
        if _known(asked) is None:
            message = f"There are no texts in the language {asked!r}."
            raise UsageError(message, hint=f"--lang takes one of: {', '.join(LANGUAGES)}")
        _language = _known(asked) or "en"
    return rest


def language() -> str:
    """What the person reads: `en`, `de` or `tr`."""
    return _language


def shown(message: str) -> str:
    """A message of ours in the language of the person; as it is where there is no translation.

    Args:
        message: In English, with its values in it.
    """
    return message if _language == "en" else translated(message, _language)


def localise(command: Any) -> None:
    """Translate the help of a click command, of its options, and of the commands below it."""
    if _language == "en":
        return
    get_help = command.get_help
    command.get_help = lambda context: _LIBRARY.sub(lambda found: shown(found[0]), get_help(context))
    command.help = command.help and shown(command.help)
    command.short_help = command.short_help and shown(command.short_help)
    for option in command.params:
        if getattr(option, "help", None):
            option.help = shown(option.help)
    for below in getattr(command, "commands", {}).values():
        localise(below)


def refusal(error: Exception) -> str:
    """What the library of the command line says about a wrong one; empty for failures that are not its own."""
    show = getattr(error, "show", None)
    if show is None:
        return ""
    said = io.StringIO()
    show(file=said)
    lines = said.getvalue().rstrip().splitlines()
    return "\n".join(shown(_LIBRARY.sub(lambda found: shown(found[0]), line)) for line in lines)


@lru_cache(maxsize=512)
def translated(message: str, language: str, depth: int = 0) -> str:
    """A message in a language: by its words, or by the template with the most words that it fits.

    Args:
        message: In English, with its values in it; these are translated, too, if they are messages.
        language: A key of `assets/locale`.
        depth: How many messages it stands in.
    """
    exact, templates = _catalogue(language)
    if message in exact:
        return exact[message]
    if depth >= _DEEPEST or len(message) > _LONGEST:
        return message
    if (inner := message.strip()) != message:  # lines are indented, columns are filled up
        return message.replace(inner, translated(inner, language, depth)) if inner else message
    for template in templates:
        if match := template.pattern.fullmatch(message):
            values = {
                name: value if name in template.verbatim else translated(value, language, depth + 1)
                for name, value in match.groupdict().items()
            }
            return template.words.format(**values)
    if about := _SUBJECT.match(message):
        return about[0] + translated(message[about.end() :], language, depth + 1)
    return message


@dataclass(frozen=True, slots=True)
class _Template:
    pattern: re.Pattern[str]
    words: str
    verbatim: frozenset[str]
    """Names of values that are no messages."""


@cache
def _catalogue(language: str) -> tuple[Mapping[str, str], tuple[_Template, ...]]:
    """Messages without values, and templates, those with the most letters of their own first."""
    table: dict[str, str] = json.loads(bundled("assets", "locale", f"{language}.json").read_text(encoding="utf-8"))
    plain = {english: words for english, words in table.items() if "{" not in english}
    filled = [(_parts(english), words) for english, words in table.items() if "{" in english]
    filled.sort(key=lambda one: -sum(len(literal) for literal, _ in one[0]))
    return plain, tuple(_Template(_pattern(parts), words, _verbatim(parts)) for parts, words in filled)


def _parts(template: str) -> list[tuple[str, str | None]]:
    return [(literal, name) for literal, name, _, _ in Formatter().parse(template)]


def _pattern(parts: Sequence[tuple[str, str | None]]) -> re.Pattern[str]:
    found = "".join(re.escape(literal) + (f"(?P<{name}>.*?)" if name else "") for literal, name in parts)
    return re.compile(found, re.DOTALL)


def _verbatim(parts: Sequence[tuple[str, str | None]]) -> frozenset[str]:
    """The values that are no messages: those with such a name, and those in backticks."""
    return frozenset(name for literal, name in parts if name and (name in _VERBATIM or literal.endswith("`")))


def _without_option(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    rest: list[str] = []
    asked: str | None = None
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*rest, word, *words], asked
        if word == _OPTION:
            asked = next(words, "")
        elif word.startswith(f"{_OPTION}="):
            asked = word.partition("=")[2]
        else:
            rest.append(word)
    return rest, asked


def _known(name: str) -> str | None:
    """The language of a name such as `de`, `de_AT.UTF-8` or `tr-TR`; None for one without texts."""
    code = re.split(r"[^a-z]", name.strip().lower(), maxsplit=1)[0]
    return code if code in LANGUAGES else None


def _of_system(environ: Mapping[str, str]) -> str:
    for variable in _SYSTEM:
        if environ.get(variable):
            return environ[variable]
    if sys.platform == "win32":
        import ctypes
        import locale

        return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
    return ""
