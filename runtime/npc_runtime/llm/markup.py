"""Markup: takes a model's text apart into speech, tags and stage directions, one character at a time."""

import re

from npc_runtime.llm.markdown import MarkdownScanner
from npc_runtime.llm.reply import NarrationText, ParserNotice
from npc_runtime.llm.scanner import END, Sink
from npc_runtime.llm.sentences import TERMINATORS
from npc_runtime.llm.stage import emphasis_is_narration, first_sentence_end, looks_staged, parenthesis_is_narration
from npc_runtime.llm.tags import (
    BadAction,
    TagKind,
    bare_emotion,
    is_tag_prefix,
    kind_of,
    read_action,
    read_emotion,
    read_open_emotion,
)

_CAPS: dict[TagKind, int] = {"emotion": 80, "action": 2000, "other": 240}
"""Characters inside a bracket after which it counts as never closed; actions may carry several texts."""
_SPAN_CAP = 240
_QUOTES = {'"': '"', "'": "'", "“": "”"}
_REASONING = "think|thinking|thought|thoughts|reason|reasoning|analysis|reflection|scratchpad"
_REASONING_OPEN = re.compile(rf"\s*(?:{_REASONING})\b[^/]*", re.IGNORECASE)
_BRACKETED_REASONING = re.compile("think", re.IGNORECASE)
"""`[thinking]` is a stage direction."""
_REASONING_CLOSE = re.compile(rf"[<\[]\s*/\s*(?:{_REASONING})\s*[>\]]$", re.IGNORECASE)
_END_OF_TURN = re.compile(r"/s|\|(?:im_end|endoftext|eot_id|end|end_of_text|eot)\||end_of_turn|eos", re.IGNORECASE)
_HTML = re.compile(
    r"(?:[abipsuq]|br|hr|em|li|ul|ol|td|tr|th|div|span|strong|code|pre|font|small|sub|sup|h[1-6]|html|body|table|mark"
    r"|center|img|blockquote|details|summary|xml|start_of_turn|bos|speech|say|reply|response|answer|output|dialogue)\b",
    re.IGNORECASE,
)


class MarkupScanner(MarkdownScanner):
    """Takes text apart.

    Args:
        sink: Takes the parts, in order.
        language: ISO 639-1 code; helps to know stage directions.
    """

    def __init__(self, sink: Sink, language: str) -> None:
        super().__init__(sink, language)
        self._kind: TagKind | None = None
        self._closer = "]"
        self._quote_from = 0
        self._swallow_stars = 0
        self._openers |= {
            "[": self._open_bracket,
            "<": self._open_angle,
            "(": self._open_parenthesis,
            "*": self._open_stars,
            "]": lambda _: None,
        }

    def _plain(self, c: str) -> None:
        swallow, self._swallow_stars = self._swallow_stars, max(0, self._swallow_stars - 1)
        if swallow and c == "*":
            return
        self._swallow_stars = 0
        super()._plain(c)

    def _narrate(self, text: str) -> None:
        clean = " ".join(re.sub(r"[*_<>\[\]`]", "", text).split())
        self._previous = self._solid = " "
        if any(character.isalnum() for character in clean):
            self._sink.item(NarrationText(clean))

    # -- tags: [ ] and < >

    def _open_bracket(self, _: str) -> None:
        self._open_tag("]")

    def _open_angle(self, _: str) -> None:
        self._begin(self._angle)

    def _angle(self, c: str) -> None:
        self._take()
        if c.isalpha() or (c and c in "/|!?"):
            self._open_tag(">")
        else:
            self._say("<")
        self._go_on(c)

    def _open_tag(self, closer: str) -> None:
        self._begin(self._tag)
        self._closer = closer
        self._kind = None
        self._quote = ""

    def _tag(self, c: str) -> None:
        body = self._body
        if self._kind is None and not c.isalnum() and (body or c not in (" ", END)):
            self._kind = kind_of("".join(body), c, angle=self._closer == ">")
        if self._quote and body[-1] == self._quote and len(body) > self._quote_from and c and c in " ,;:)]}/>":
            self._quote = ""
        if c == self._closer and not self._quote:
            self._tag_closed()
        elif self._tag_breaks(c):
            self._tag_open_ended(c)
        elif body or c != " ":
            if self._kind == "action" and not self._quote and c in _QUOTES and body[-1] in "=:({, ":
                self._quote, self._quote_from = _QUOTES[c], len(body) + 1
            body.append(c)

    def _tag_breaks(self, c: str) -> bool:
        if c in (END, "\n") or len(self._body) >= _CAPS[self._kind or "other"]:
            return True
        if (c == "[" or (c == "<" and self._closer == ">")) and not self._quote:
            return True
        return self._kind == "emotion" and c == " " and bool(self._body) and self._body[-1] in TERMINATORS

    def _tag_closed(self) -> None:
        kind, body = self._kind, self._take()
        if self._closer == ">" and kind != "other" and body.casefold() in ("emotion", "mood", "action", "act"):
            self._begin(self._element, body + " ")
        elif kind == "emotion":
            self._emotion(body)
        elif kind == "action":
            self._action(body)
        elif (_REASONING_OPEN if self._closer == ">" else _BRACKETED_REASONING).fullmatch(body):
            self._sink.withheld()
            self._begin(self._reasoning)
        elif self._closer == "]":
            emotion = bare_emotion(body)
            if emotion:
                self._sink.item(emotion)
            elif not body.startswith("/"):
                self._narrate(body)
        elif _END_OF_TURN.fullmatch(body):
            self._sink.stop()
        elif body[0].isalpha() and "=" not in body and not _HTML.match(body):
            self._narrate(body)

    def _element(self, c: str) -> None:
        """`<emotion>joy</emotion>`: what such an element holds is the tag."""
        if c == ">" and "</" in "".join(self._body):
            body = self._take().partition("</")[0]
            if self._kind == "emotion":
                self._emotion(body)
            else:
                self._action(body)
        elif c in (END, "\n") or len(self._body) >= _SPAN_CAP:
            self._take()
            self._notice("a tag was not closed and is dropped")
            self._go_on(c)
        else:
            self._body.append(c)

    def _emotion(self, body: str) -> None:
        tag, unknown = read_emotion(body)
        if unknown:
            self._sink.item(ParserNotice("unknown_emotion", f"'{unknown[:40]}' is not an emotion; taken as neutral"))
        if tag:
            self._sink.item(tag)
        else:
            self._notice("an emotion tag names no emotion")

    def _action(self, body: str) -> None:
        found = read_action(body)
        if isinstance(found, BadAction):
            self._notice(f"an action tag was dropped: {found.reason}: '{body[:80]}'")
        else:
            self._sink.item(found)

    def _tag_open_ended(self, c: str) -> None:
        kind, body = self._kind, self._take()
        if kind == "emotion":
            tag, rest = read_open_emotion(body)
            self._notice("an emotion tag was not closed")
            if tag:
                self._sink.item(tag)
            self._play(rest)
        elif kind == "action":
            self._notice(f"an action tag was not closed and is dropped: '{body[:80]}'")
            if self._quote and self._closer in body:
                self._play(body.partition(self._closer)[2])
        elif c in (END, "\n") and is_tag_prefix(body):
            if body:
                self._notice("the reply breaks off inside a tag")
        else:
            if self._closer == ">":
                self._say("<")
            self._play(body)
        self._go_on(c)

    def _reasoning(self, c: str) -> None:
        if c == END:
            self._take()
            self._notice("the model's reasoning was not closed and is dropped")
            return
        self._body = [*self._body[-24:], c]
        if c in ">]" and _REASONING_CLOSE.search("".join(self._body)):
            self._take()

    # -- stage directions and emphasis: ( ) and * *

    def _open_parenthesis(self, _: str) -> None:
        self._begin(self._parenthesis)

    def _parenthesis(self, c: str) -> None:
        if c == ")":
            body = self._take()
            head, _, tail = body.strip().partition(" ")
            kind = kind_of(head.rstrip(":"), " " if tail else END)
            if kind == "emotion":
                self._emotion(body)
            elif kind == "action":
                self._action(body)
            elif parenthesis_is_narration(body, self._language, at_start=self._at_start):
                self._narrate(body)
            else:
                self._say("(")
                self._play(body)
                self._go_on(")")
        elif c in (END, "\n", "[", "<", "(") or len(self._body) >= _SPAN_CAP:
            body = self._take()
            self._say("(")
            self._play(body)
            self._go_on(c)
        else:
            self._body.append(c)

    def _open_stars(self, _: str) -> None:
        self._begin(self._stars)
        self._run = 1

    def _stars(self, c: str) -> None:
        if c == "*":
            self._run += 1
            return
        self._take()
        between_numbers = self._run == 1 and self._solid.isdigit()
        if between_numbers and c == " ":
            self._begin(self._times)
        elif between_numbers and c.isdigit():
            self._say("×")
        elif self._run <= 3 and c not in (END, "\n", " ") and not self._previous.isalnum():
            self._begin(self._span)
        self._go_on(c)

    def _times(self, c: str) -> None:
        if c == " " and len(self._body) < 2:
            self._body.append(c)
            return
        blanks = self._take()
        if c.isdigit():
            self._say("×")
        self._play(blanks)
        self._go_on(c)

    def _span(self, c: str) -> None:
        body = self._body
        if c == "*" and body and body[-1] not in " *":
            text = self._take()
            self._swallow_stars = self._run - 1
            if emphasis_is_narration(text, self._language, stars=self._run, at_start=self._at_start):
                self._narrate(text)
            else:
                swallow, self._swallow_stars = self._swallow_stars, 0
                self._play(text.replace("*", ""))
                self._swallow_stars = swallow if self._state == self._plain else 0
        elif c in (END, "\n", "[", "<") or len(body) >= _SPAN_CAP:
            text = re.sub(r"(?<=\d)( ?)\*(?= ?\d)", r"\1×", self._take()).replace("*", "")
            end = first_sentence_end(text)
            if self._at_start and looks_staged(text[:end], self._language):
                self._narrate(text[:end])
                text = text[end:]
            self._play(text)
            self._go_on(c)
        else:
            body.append(c)
