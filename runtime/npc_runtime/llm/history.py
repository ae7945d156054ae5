"""History: what was said lately, as far as a prompt has room for it.

The oldest exchanges are forgotten many at a time: whenever one goes, all that follows has to be read again by the
model, which on a processor takes seconds.
"""

from collections.abc import Iterator

from npc_runtime.llm.prompt import PER_MESSAGE, Exchange, estimated_tokens


class History:
    """The latest exchanges with one character.

    Args:
        most_tokens: What they may take together; beyond it the older half of them goes.
    """

    def __init__(self, most_tokens: int) -> None:
        self._most = most_tokens
        self._exchanges: list[tuple[Exchange, int]] = []

    def __iter__(self) -> Iterator[Exchange]:
        """The exchanges, oldest first."""
        return (exchange for exchange, _ in self._exchanges)

    def add(self, exchange: Exchange) -> None:
        """Append the latest exchange."""
        tokens = estimated_tokens(exchange.player) + estimated_tokens(exchange.reply) + 2 * PER_MESSAGE
        self._exchanges.append((exchange, tokens))
        total = sum(tokens for _, tokens in self._exchanges)
        if total > self._most:
            while len(self._exchanges) > 1 and total > self._most // 2:
                total -= self._exchanges.pop(0)[1]
