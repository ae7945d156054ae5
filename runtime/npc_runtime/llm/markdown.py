"""Markdown and JSON: takes the marks of a written document out of a text and leaves its words."""

from npc_runtime.llm.jsonreply import read_json_reply
from npc_runtime.llm.scanner import END, Scanner, Sink

_JSON_CAP = 8000
_BULLETS = "•‣◦▪●·"
_FENCE_NAMES = frozenset(
    {"", "json", "text", "txt", "yaml", "yml", "markdown", "md", "xml", "html", "python", "plaintext"}
)


class MarkdownScanner(Scanner):
    """Drops code fences, headings, list marks, rules, quote marks and underscores; reads replies that are JSON."""

    def __init__(self, sink: Sink, language: str) -> None:
        super().__init__(sink, language)
        self._list_next = 1
        self._in_json = False
        self._depth = 0
        self._openers |= {"`": self._open_ticks, "_": self._open_underscore}
        self._line_openers |= dict.fromkeys("#-+=", self._open_line_mark)
        self._line_openers |= dict.fromkeys("123456789", self._open_line_number)
        self._line_openers |= dict.fromkeys(">" + _BULLETS, lambda _: None)
        self._line_openers["{"] = self._open_brace

    def _open_ticks(self, _: str) -> None:
        self._begin(self._ticks)
        self._run = 1

    def _ticks(self, c: str) -> None:
        if c == "`":
            self._run += 1
            return
        self._take()
        if self._run >= 3:
            self._begin(self._fence_name)
        elif self._run == 1 and self._previous.isalpha() and c.isalpha():
            self._say("'")
        self._go_on(c)

    def _fence_name(self, c: str) -> None:
        if c.isalnum() and len(self._body) < 20:
            self._body.append(c)
            return
        name = self._take()
        if c in (END, "\n") or name.casefold() in _FENCE_NAMES:
            self._line_start = True
            if c == END and name.casefold() not in _FENCE_NAMES:
                self._play(name)
        else:
            self._play(name)
        self._go_on(c)

    def _open_underscore(self, _: str) -> None:
        if self._previous.isalnum():
            self._begin(self._underscore)

    def _underscore(self, c: str) -> None:
        self._take()
        if c.isalnum():
            self._say("_")
        self._go_on(c)

    def _open_line_mark(self, c: str) -> None:
        self._begin(self._line_mark, c)
        self._run = 1

    def _line_mark(self, c: str) -> None:
        mark = self._body[0]
        if c == mark:
            self._run += 1
            return
        self._take()
        heading = mark == "#" and c in (" ", "\n", END)
        bullet = mark in "-+" and self._run == 1 and c == " "
        rule = self._run > 2 and c in ("\n", END)
        if not (heading or bullet or rule):
            for _ in range(min(self._run, 80)):
                self._say(mark)
        self._go_on(c)

    def _open_line_number(self, c: str) -> None:
        self._begin(self._line_number, c)

    def _line_number(self, c: str) -> None:
        body = self._body
        if (c.isdigit() and body[-1].isdigit() and len(body) < 3) or (c and c in ".)" and body[-1].isdigit()):
            body.append(c)
        else:
            text = self._take()
            if c == " " and text[:-1] == str(self._list_next):
                self._list_next += 1
                self._previous = " "
            else:
                for character in text:
                    self._say(character)
            self._go_on(c)

    def _open_brace(self, c: str) -> None:
        if not self._in_json:
            self._begin(self._brace, c)
        else:
            self._say(c)

    def _brace(self, c: str) -> None:
        if c in (" ", "\n") and len(self._body) < 40:
            self._body.append(c)
        elif c == '"':
            self._depth, self._quote = 1, ""
            self._state = self._json
            self._json(c)
        else:
            text = self._take()
            self._say(text[0])
            self._play(text[1:])
            self._go_on(c)

    def _json(self, c: str) -> None:
        if c != END:
            self._body.append(c)
            if self._quote:
                escaped, self._quote = self._quote == "\\", '"'
                if not escaped and c in '"\\':
                    self._quote = "" if c == '"' else "\\"
            elif c == '"':
                self._quote = c
            else:
                self._depth += {"{": 1, "}": -1}.get(c, 0)
            if self._depth and len(self._body) < _JSON_CAP:
                return
        found = read_json_reply(self._take())
        if found is None:
            self._notice("a JSON object without any text to speak was dropped")
            return
        if found.emotion:
            self._sink.item(found.emotion)
        self._in_json = True
        self._play(found.text)
        while self._state != self._plain:
            self._state(END)
        self._in_json = False
