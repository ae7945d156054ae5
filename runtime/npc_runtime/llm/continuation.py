"""Going on behind what another model wrote: drops from a reply what it repeats of that, word by word."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\[[^\]]*\]|[^\s\[]+")
_EDGES = " \t\r\n.,;:!?…\"'“”‘’«»„()—–-*_"
_FINAL = re.compile(r"[.!?…。！？][\"'“”’»)*_]*$")
_CLOSING = ".,;:!?…)]"
_LONGEST_TAG = 2000
_CERTAIN = 3
"""Words in a row that are no coincidence."""
_ACTION = re.compile(r"\[\s*act(?:ion)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    key: str
    """The same for words that sound the same."""

    @property
    def final(self) -> bool:
        return _FINAL.search(self.text) is not None


class Continuation:
    """Fed with the pieces of a reply, gives what is new in it behind what has been written.

    Dropped are, at the beginning of the reply: the words with which the written part ended, however many there are, up
    to all of it; else the whole sentences that it repeats, from any sentence on. A reply that is nothing but a
    repetition is dropped altogether. And an action that was written is not done again, wherever it is repeated. All
    other words stay.

    Args:
        written: What has been written, up to the end of a word.
        joined: Whether the reply goes on right behind that, as from a model that was given it as its own beginning;
            otherwise a blank is put between them.
    """

    def __init__(self, written: str, *, joined: bool = False) -> None:
        tokens = _TOKEN.findall(written)
        self._written = [_word(token) for token in tokens if not token.startswith("[")]
        self._done = {_tag_key(token) for token in tokens if _ACTION.match(token)}
        self._blank = bool(written) and not joined and not written[-1].isspace() and not written.endswith("[")
        self._held = ""
        self._at = 0
        """How far the held text has been compared."""
        self._alive = list(range(len(self._written)))
        """From which of the written words on the reply repeats them."""
        self._matched = 0
        """How many words it repeats."""
        self._cut: tuple[int, str, bool] | None = None
        """Where the repetition ends, what else was written to its last word, and whether a sentence ends there."""
        self._whole: int | None = None
        """Where the last repeated sentence ends."""
        self._tags: list[tuple[int, str]] = []
        """Where the tags end that stand between the repeated words."""
        self._decided = not self._written
        self._in_word = False
        """Whether what is new begins inside the last written word."""
        self._tag = ""

    def feed(self, text: str) -> str:
        """Take the next piece; where the reply is cut makes no difference.

        Returns:
            What is new, as far as that is certain.
        """
        if self._decided:
            return self._emit(text)
        self._held += text
        while (token := self._next_token()) is not None:
            if not self._compare(token):
                return self._decide()
        return ""

    def close(self) -> str:
        """Take the end of the reply.

        Returns:
            The rest of what is new.
        """
        if self._decided:
            rest, self._tag = self._tag, ""
            return self._joined(rest)
        last = _TOKEN.search(self._held, self._at)
        if last is not None:
            self._at = last.end()
            if not self._compare(last[0]):
                return self._decide() + self._emit_rest()
        repeats = self._matched >= _CERTAIN or any(self._starts_sentence(at) for at in self._alive)
        if self._cut is None and self._matched and repeats:
            return ""
        return self._decide() + self._emit_rest()

    def _emit_rest(self) -> str:
        rest, self._tag = self._tag, ""
        return self._joined(rest)

    def _next_token(self) -> str | None:
        """The next token of the held text whose end is certain."""
        match = _TOKEN.search(self._held, self._at)
        if match is None:
            return None
        token = match[0]
        closed = token.startswith("[") or match.end() < len(self._held)
        unclosed = self._held.find("[", self._at, match.start()) >= 0
        if unclosed and len(self._held) - self._at < _LONGEST_TAG:
            return None  # what looks like a word stands inside a tag that is not complete
        if not closed:
            return None
        self._at = match.end()
        return token

    def _compare(self, token: str) -> bool:
        """Take a token into the comparison.

        Returns:
            Whether more of them have to be seen.
        """
        if token.startswith("["):
            self._tags.append((self._at, token))
            return True
        word, matched = _word(token), self._matched
        last = self._written[-1]
        more = word.text[len(last.text) :] if word.text.casefold().startswith(last.text.casefold()) else ""
        self._matched = matched + 1
        # `blade` may go on as `blade's`, and after enough other words, `dis` as `disgrace`.
        longer = bool(more) and (more[0] in "'’-" or self._matched >= _CERTAIN) and not last.final
        self._alive = [
            start
            for start in self._alive
            if start + matched < len(self._written)
            and (
                self._written[start + matched].key == word.key or (longer and start + matched == len(self._written) - 1)
            )
        ]
        if not self._alive:
            self._matched = matched
            return False
        if self._alive[-1] + self._matched == len(self._written) and (
            word.final or not last.final or self._matched >= _CERTAIN
        ):
            self._cut = (self._at, more, last.final)
        if word.final and any(
            self._starts_sentence(start) and self._written[start + matched].final for start in self._alive
        ):
            self._whole = self._at
        return any(start + self._matched < len(self._written) for start in self._alive)

    def _starts_sentence(self, at: int) -> bool:
        return at == 0 or self._written[at - 1].final

    def _decide(self) -> str:
        self._decided = True
        held, self._held = self._held, ""
        if self._cut is not None:
            end, more, final = self._cut
        elif self._whole is not None:
            end, more, final = self._whole, "", True
        else:
            return self._emit(held)
        felt = [tag for at, tag in self._tags if at <= end and not _ACTION.match(tag)]
        lead = f"{more} {felt[-1]}" if felt and final else more
        self._in_word = bool(more)
        return self._emit(lead + held[end:])

    def _emit(self, text: str) -> str:
        """Pass text on, without the actions that were written before."""
        if not self._done:
            return self._joined(text)
        out = ""
        for c in text:
            if self._tag or c == "[":
                self._tag += c
                if c == "]" or len(self._tag) > _LONGEST_TAG:
                    tag, self._tag = self._tag, ""
                    out += "" if _tag_key(tag) in self._done else tag
            else:
                out += c
        return self._joined(out)

    def _joined(self, text: str) -> str:
        if text and self._blank:
            self._blank = False
            return text if text[0].isspace() or text[0] in _CLOSING or self._in_word else f" {text}"
        return text


def _word(token: str) -> _Word:
    return _Word(token, token.replace("’", "'").strip(_EDGES).casefold() or token)


def _tag_key(tag: str) -> str:
    return " ".join(tag.strip("[] ").casefold().split())
