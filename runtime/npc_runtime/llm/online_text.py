"""The text of an online reply: whatever form the service gave it, it leaves as speech with tags (CONTRACT 3.5)."""

from npc_runtime.llm.backend import Completion
from npc_runtime.llm.continuation import Continuation
from npc_runtime.llm.json_reply_stream import JsonReplyStream
from npc_runtime.llm.online_events import CallPiece, TextPiece
from npc_runtime.llm.online_request import Shape, begins, spoken
from npc_runtime.llm.opening import Opening
from npc_runtime.llm.tool_calls import ToolCalls

_PER_TOKEN = 16
_BESIDE = 1000
"""Characters that a reply may have per token and beside those: what has more has found no end."""


class OnlineText:
    """One reply on its way.

    Args:
        request: What was asked.
        shape: How it was asked.
    """

    def __init__(self, request: Completion, shape: Shape) -> None:
        begun = begins(request, shape)
        self._json = JsonReplyStream() if shape.reply_format == "json" else None
        self._calls = ToolCalls()
        self._opening = Opening(request.opening, begun=begun)
        self._continuation = Continuation(request.written, joined=begun)
        self._most = request.max_tokens * _PER_TOKEN + _BESIDE
        self._found = bool(spoken(request.written))
        self.characters = 0
        """How much the service has sent of it."""

    @property
    def endless(self) -> bool:
        """Whether it is longer than a reply can be."""
        return self.characters > self._most

    @property
    def empty(self) -> bool:
        """Whether nothing at all has been written, and nothing said before."""
        return not self._found

    def feed(self, piece: TextPiece | CallPiece) -> str:
        """Take the next piece of what the service writes.

        Returns:
            What became certain of the reply.
        """
        if isinstance(piece, CallPiece):
            self.characters += len(piece.arguments)
            self._calls.add(piece.key, piece.name, piece.arguments)
            return ""
        self.characters += len(piece.text)
        return self._new(self._json.feed(piece.text) if self._json else piece.text)

    def close(self) -> str:
        """Take the end.

        Returns:
            The rest of the reply.
        """
        rest = (self._json.close() if self._json else "") + self._calls.tags()
        out = self._new(rest)
        if not self.empty:
            out += self._continuation.feed(self._opening.close())
            out += self._continuation.close()
        return out

    def _new(self, text: str) -> str:
        self._found = self._found or bool(text.strip())
        return self._continuation.feed(self._opening.feed(text))
