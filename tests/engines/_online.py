"""What tests of the online model share: a request, a model of a scripted server, and what comes of the two."""

from typing import Any

import pytest
from pydantic import SecretStr
from tests._fault_server import FaultServer

from npc_runtime.content.action import ActionOption, ArgumentOption
from npc_runtime.errors import ServiceError
from npc_runtime.llm.backend import Completion, Delta, Finish, Message
from npc_runtime.llm.online import OnlineModel
from npc_runtime.llm.providers import Provider, custom

KEY = "sk-very-secret-0123456789"
MEND = ActionOption("mend", "Mend.", (ArgumentOption("item", "choice", choices=("sword", "axe")),))
ASK = Completion(
    messages=(Message("system", "You are Brynja."), Message("user", "Mend it.")),
    options=(MEND,),
    max_sentences=2,
    max_tokens=60,
)
LONG = 60.0
"""Longer than any test waits."""


def model(server: FaultServer, *, provider: Provider | None = None, **settings: Any) -> OnlineModel:
    can = settings.pop("can", None)
    return OnlineModel(
        provider or custom(server.url, can=can), "test-model", key=SecretStr(KEY), **({"timeout": 5.0} | settings)
    )


async def run(mind: OnlineModel, request: Completion = ASK) -> tuple[str, Finish]:
    """One reply, and the end of the model."""
    text, finish = "", None
    try:
        async with mind.stream(request) as items:
            async for item in items:
                if isinstance(item, Delta):
                    text += item.text
                else:
                    finish = item
    finally:
        await mind.aclose()
    assert finish is not None
    return text, finish


async def failure(mind: OnlineModel, request: Completion = ASK) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await run(mind, request)
    assert KEY not in "".join([str(caught.value), repr(caught.value), repr(caught.value.__dict__)])
    assert "\n" not in caught.value.message
    return caught.value
