"""A room that is left on: what turns were made of does not stay when they are over."""

import gc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from tests.flow._scripted import Ears, Mouth, line
from tests.flow._village import minds, village

from npc_runtime.config import Settings
from npc_runtime.room import Room
from npc_runtime.server.protocol import client_messages
from npc_runtime.traces import Traces


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_only_what_makes_a_character_ready_is_kept_from_the_collector(tmp_path: Path) -> None:
    mind = minds("[emotion joy weak] Aye.")
    engines: Any = SimpleNamespace(ears=Ears(), mind=mind, mouth=Mouth(), turns=None, busy=dict, context_tokens=2048)
    settings = Settings(state=tmp_path / "state", memory={"embedder": "none"})  # type: ignore[arg-type]
    room = Room(village(tmp_path / "content"), engines, settings, Traces())
    kept = []
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(room.run)
            async with room.open_session(client_messages().validate_python({"type": "hello", "protocol": 1})) as live:
                told = aiter(live.events)
                with anyio.fail_after(30):
                    for number in range(3):
                        await live.handle(
                            client_messages().validate_python({"type": "talk.start", "character": "brynja"})
                        )
                        while len(mind.warmed) <= number:  # noqa: ASYNC110
                            await anyio.sleep(0.01)
                        kept.append(gc.get_freeze_count())
                        await live.handle(
                            client_messages().validate_python({"type": "player.text", "text": "Good day."})
                        )
                        while line(await anext(told)) != "end done":
                            pass
            tasks.cancel_scope.cancel()
    finally:
        gc.unfreeze()
    assert kept[0] > 0
    assert max(kept[1:]) <= kept[0]  # what is freed meanwhile is taken off
