"""The way to an online language model: a client that bounds what comes back, and whose key goes nowhere else."""

from typing import TYPE_CHECKING

from pydantic import SecretStr

from npc_runtime.llm.providers import Provider
from npc_runtime.service_http import openai_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MOST_BYTES = 4 << 20
"""Of one answer: a reply is some kilobytes, and a list of models some hundred."""


def make_client(provider: Provider, key: SecretStr, *, connect_timeout: float) -> "AsyncOpenAI":
    """A client for one service, which waits as long as its caller does. To be called in a thread.

    Args:
        provider: The service.
        key: Its key; empty if it needs none.
        connect_timeout: Seconds until the connection stands.
    """
    return openai_client(
        provider.base_url, key.get_secret_value(), most_bytes=MOST_BYTES, connect_timeout=connect_timeout
    )
