"""Fitting: a request as another model than the one it was made for can answer it, in its own window."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from npc_runtime.content.told import DEFAULT, told
from npc_runtime.llm.backend import Completion, Message
from npc_runtime.llm.grammar import feeling_tag, rest_grammar, speech_grammar
from npc_runtime.llm.parser import ActionTag, ReplyParser, SentenceEnd, Words
from npc_runtime.llm.prompt import PER_MESSAGE, estimated_tokens
from npc_runtime.llm.sentences import Boundary, boundary_after

_SYSTEM_TOKENS = 160
_HISTORY_TOKENS = 480
"""Of the persona and of what was said, for a small model: more confuses it, and slows it down."""
_LEAST_REPLY = 16
"""Tokens that whoever goes on may write in any case."""
_SENTENCES = 3
"""That a reply may have where nobody says how many."""
_REPLY_SHARE = 0.25
"""Of a window that a reply may take."""
_SLACK = 16
"""Tokens that nobody counts: of the ends of templates, and where parts are joined."""
_TRIES = 4
_LEAVING = 8
"""Messages of the past that a small model is not told any more at once."""

_FEELING = re.compile(r"\[emotion\s+(\w+)[^\]]*\]")
_TAG = re.compile(r"\s*\[action[^\]]*\]")
_BLOCK = re.compile(r"\((?P<now>.*?)\)\n(?P<line>.*)", re.DOTALL)


def continued(request: Completion, passed: str, *, small: bool) -> Completion | None:
    """The rest of a reply that another model began.

    A grammar that holds from the beginning of a reply does not fit its rest: it is made anew.

    Args:
        request: What was asked for.
        passed: What has been passed on of the answer.
        small: Whether it was asked of a small model.

    Returns:
        What to ask for; None if there is nothing left to be said.
    """
    if not passed.strip():
        return request
    finished, within, acted = _progress(request.written + passed, request.language)
    left = (request.max_sentences or max(_SENTENCES, finished + 1)) - finished
    if acted or (left <= 0 and not request.options):
        return None
    grammar = None
    if request.grammar is not None:
        grammar = rest_grammar(request.options, small=small, max_sentences=left, within=within)
    written = estimated_tokens(passed)
    return replace(
        request,
        # Models begin a word with the blank before it: one that stands there already would lead to a second one.
        written=(request.written + passed).rstrip(),
        opening="",
        grammar=grammar,
        max_tokens=max(request.max_tokens - written, _LEAST_REPLY),
    )


def simplified(request: Completion) -> Completion:
    """A request that was made for a large model, as a small one can answer it: the essence, and speech alone.

    Args:
        request: From `continued`, so that its `written` is all there is of the reply.
    """
    if len(request.messages) < 2:
        return request
    system, *history, last = request.messages
    sentences = request.max_sentences or _SENTENCES
    if request.written:
        finished, within, _ = _progress(request.written, request.language)
        grammar = rest_grammar((), small=True, max_sentences=max(sentences - finished, 1), within=within)
        written = _TAG.sub("", _FEELING.sub(lambda found: f"[{found[1]}]", request.written))
    else:
        grammar = speech_grammar(max_sentences=sentences, may_act=False)
        written = feeling_tag("neutral", "normal", small=True)
    kept, room = len(history), _HISTORY_TOKENS
    while kept and room > 0:
        room -= estimated_tokens(history[kept - 1].text) + PER_MESSAGE
        kept -= room >= 0
    # Several exchanges go at a time: whenever one does, the model has to read all that follows anew.
    kept = min(kept + -kept % _LEAVING, max(len(history) - 2, 0))
    messages = (
        Message(system.role, _essence(system.text)),
        *history[kept:],
        Message(last.role, _line(last.text, request.language)),
    )
    return replace(request, messages=messages, written=written, opening="", grammar=grammar, options=())


async def fitted(
    request: Completion, *, context_tokens: int, count: Callable[[Sequence[str]], Awaitable[list[int]]]
) -> Completion:
    """A request that does not overrun a window: the oldest of what was said goes first, the persona last.

    Args:
        request: What is asked.
        context_tokens: The window.
        count: Tokens of each text, or more.
    """
    most = max(int(context_tokens * _REPLY_SHARE), _LEAST_REPLY)
    request = replace(request, max_tokens=min(request.max_tokens, most))
    for attempt in range(_TRIES + 1):
        texts = [message.text for message in request.messages]
        *counts, written = await count([*texts, request.written + request.opening])
        room = context_tokens - request.max_tokens - written - _SLACK
        messages = trimmed(request.messages, counts, room, surely=attempt == _TRIES)
        if messages == request.messages:
            break
        request = replace(request, messages=messages)
    return request


def trimmed(
    messages: Sequence[Message], counts: Sequence[int], room: int, *, surely: bool = False
) -> tuple[Message, ...]:
    """Messages that fit, as far as can be told from their sizes; the same ones if they do.

    Args:
        messages: System first, then pairs of what was said, then what is answered.
        counts: Tokens of each.
        room: Tokens there are for all of them, with what templates add.
        surely: Cut so that they fit whatever the tokenizer: no token is shorter than a byte.
    """
    sizes = [size + PER_MESSAGE for size in counts]
    if len(messages) == 1:
        [only], [size] = messages, counts
        return (Message(only.role, _cut(only.text, size, room - PER_MESSAGE, surely=surely)),)
    first = 1
    while sum(sizes[:1]) + sum(sizes[first:]) > room and first < len(messages) - 1:
        first += 2
    first = min(first, len(messages) - 1)
    system, *history, last = (messages[0], *messages[first:])
    if sizes[0] + sum(sizes[first:]) <= room:
        return (system, *history, last)
    room = max(room - 2 * PER_MESSAGE, 2)
    # What is answered comes first, and the persona gets what is left, yet half of it in any case.
    for_last = min(sizes[-1] - PER_MESSAGE, max(room // 2, room - sizes[0] + PER_MESSAGE))
    parts = ((system, sizes[0] - PER_MESSAGE, room - for_last), (last, sizes[-1] - PER_MESSAGE, for_last))
    cut = [Message(one.role, _cut(one.text, size, most, surely=surely)) for one, size, most in parts]
    return (cut[0], *history, cut[1])


def _cut(text: str, size: int, most: int, *, surely: bool) -> str:
    if surely:
        return text.encode()[: max(most, 0)].decode(errors="ignore")
    if size <= most:
        return text
    kept = text[: int(len(text) * most / size * 0.9)]
    return kept.rsplit(None, 1)[0] if " " in kept else kept


def _progress(written: str, language: str) -> tuple[int, bool, bool]:
    """How far a reply has come: sentences that are finished, whether another one is begun, whether it has acted."""
    language = language or DEFAULT
    reader = ReplyParser(speaker="", language=language)
    found = [*reader.feed(written), *reader.close()]
    words = [event.text for event in found if isinstance(event, Words)]
    within = bool(words) and boundary_after(words[-1].strip(), language) is Boundary.NONE
    sentences = sum(isinstance(event, SentenceEnd) for event in found)
    return sentences - within, within, any(isinstance(event, ActionTag) for event in found)


def _essence(system: str) -> str:
    """The lines of a persona that come first; those that show how to write tags tell a small model nothing."""
    lines = [line for line in system.splitlines() if "[" not in line]
    kept, room = [], _SYSTEM_TOKENS
    for line in lines:
        room -= estimated_tokens(line)
        if room < 0:
            break
        kept.append(line)
    return " ".join(kept or [_cut(line, estimated_tokens(line), _SYSTEM_TOKENS, surely=False) for line in lines[:1]])


def _line(text: str, language: str) -> str:
    """The player's words, and one thing that the character knows about them."""
    found = _BLOCK.fullmatch(text)
    if found is None:
        return text
    told_so = re.escape(told("facts", language, facts=""))
    known = re.search(rf"{told_so}.*?[.!?](?=\s|$)", found["now"])
    return f"({known[0]})\n{found['line']}" if known else found["line"]
