"""What a model wrote in one turn: whether it follows from its grammars, and whether the runtime read all of it."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from _gbnf import Grammar

LABELS = (
    "neutral|disgust|contempt|belligerence|domineering|criticism|anger|tension|tense_humor|defensiveness|whining|"
    "sadness|stonewalling|interest|validation|affection|humor|surprise|joy"
)
_FORM = """
root ::= emotion speech (emotion speech)* (action " "?)*
emotion ::= "[emotion " (ANY_LABEL) (" weak" | " normal" | " strong")? "]"
speech ::= [^\\[\\]{}<>*_\\n\\r\\t]+
action ::= "[action " [a-z0-9_]+ (" " [a-z0-9_]+ "=" ("\\"" [^"\\[\\]\\n]* "\\"" | [A-Za-z0-9_:.+-]+))* "]"
""".replace("ANY_LABEL", " | ".join(f'"{label}"' for label in LABELS.split("|")))
"""What a reply is, whatever the grammar of the moment allows (CONTRACT 3.5); without a strength a feeling is normal."""
_TAG = re.compile(r"\[[^\[\]]*\]")
_FEELS = re.compile(r"\[emotion (\w+)(?: (\w+))?\]")
_ACTS = re.compile(r"\[action (\w+)([^\[\]]*)\]")
_PAIR = re.compile(r" (\w+)=(?:\"([^\"]*)\"|(\S+))")
_BRACKET = "["
"""Where a model that is asked for speech alone wants to act."""
_WITHHELD = frozenset({"role_break", "repetition", "truncated", "foreign_speaker", "no_speech"})
"""Notices that say why not everything was said."""


def speech_of(raw: str) -> str:
    """What a stream says aloud, tags left out and white space made plain."""
    return " ".join(_TAG.sub(" ", raw).split())


_REPLY = Grammar(_FORM)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to the model, and what came of it."""

    grammar: str
    written: str
    """What the model was told that it had written already."""
    opening: str
    """What was put into its mouth."""
    text: str
    """What came, the opening included."""
    end: Literal["model", "limit", "runtime"]
    """Who ended it: the model, the token limit, or the runtime, which had read enough."""


def text_of(asked: Sequence[Asked], acted: Sequence[str]) -> str:
    """What a turn's requests make together.

    A request that does not go on behind anything begins anew: what was written before it is a draft. A bracket that no
    request goes on behind is an action that leaves nothing to write: the runtime completes it.

    Args:
        asked: The requests, in order.
        acted: Names of the actions that were done.
    """
    text = asked[-1].written + asked[-1].text if asked else ""
    return f"{text}action {acted[0]}]" if text.endswith(_BRACKET) and acted else text


def values_of(text: str) -> dict[str, dict[str, str]]:
    """The actions that a text has, with the values that were written for their arguments."""
    return {
        name: {key: quoted or bare for key, quoted, bare in _PAIR.findall(rest)} for name, rest in _ACTS.findall(text)
    }


def faults_of_writing(asked: Sequence[Asked], text: str, notices: Collection[str]) -> list[str]:
    """Why what was written in a turn is not a reply that follows from its grammars.

    Args:
        asked: The requests, in order.
        text: What they make together.
        notices: Codes of what the runtime reported: one must say why it read no further.
    """
    faults, before = [], ""
    for one in asked:
        if one.written not in ("", before):
            faults.append("goes on behind something else")
        if not one.text.startswith(one.opening):
            faults.append("has not its opening")
        if not Grammar(one.grammar).derives(one.text.removeprefix(one.opening), whole=one.end != "runtime"):
            faults.append("not of its grammar")
        before = one.written + one.text
    left = bool(asked) and asked[-1].end == "runtime"
    if left and not _WITHHELD.intersection(notices):
        faults.append("left for no reason")
    if not _REPLY.derives(text, whole=not left):
        faults.append("no reply")
    return faults


def faults_of_reading(
    asked: Sequence[Asked],
    text: str,
    said: Sequence[str],
    felt: Sequence[tuple[str, str]],
    acted: Sequence[str],
    notices: Collection[str],
) -> list[str]:
    """What the runtime left out of a text, added to it or changed.

    Args:
        asked: The requests, in order; what is felt in a draft may be shown, and nothing else of it.
        text: What they make together.
        said: The texts of the `say` messages.
        felt: Label and strength of the `emotion` messages.
        acted: Names of the actions that were done.
        notices: Codes of what the runtime reported: they may say why speech was left out.
    """
    words, heard = speech_of(text).split(), " ".join(said).split()
    drafts = "".join(one.text for one, following in pairwise(asked) if not following.written)
    drafted, tags = _feelings(drafts), _feelings(text)
    faults = [] if _within(heard, words) else ["words changed"]
    faults += [] if _within(felt, drafted + tags) else ["feelings changed"]
    faults += [] if list(acted) == list(values_of(text)) else ["actions changed"]
    if not _WITHHELD.intersection(notices):
        faults += ["words lost"] if len(heard) < len(words) else []
        faults += ["feelings lost"] if len(felt) < len(tags) else []
    return faults


def _feelings(text: str) -> list[tuple[str, str]]:
    return [(label, strength or "normal") for label, strength in _FEELS.findall(text)]


def _within(few: Sequence[object], many: Iterable[object]) -> bool:
    """Whether some things are among others, in their order."""
    rest = iter(many)
    return all(one in rest for one in few)
