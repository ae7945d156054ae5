"""A real llama.cpp server is found, with what it says of its model."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from npc_runtime.llm import probe
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.local_servers import choose, discover
from npc_runtime.llm.process import ModelProcess

pytestmark = [pytest.mark.engine, pytest.mark.anyio]


async def test_llama_server(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ANSWER", 20.0)
    monkeypatch.setattr(probe, "CONNECT", 20.0)
    process = ModelProcess(
        ChildConfig(
            engine="xllamacpp",
            model=str(gguf),
            api_key="",
            context=1024,
            slots=1,
            cache_mb=8,
            threads=1,
            batch_threads=1,
            gpu_layers=0,
        )
    )
    await process.start()
    try:
        port = urlsplit(process.url).port
        assert port
        (shut,) = await discover([port])
        (server,) = await discover([port], keys={"llama-server": process.api_key})
    finally:
        await process.stop()
    assert (shut.kind, shut.locked, shut.models) == ("llama-server", True, ())
    (model,) = server.models
    assert (server.kind, server.base_url) == ("llama-server", f"{process.url}/v1")
    assert (server.locked, bool(server.grammar)) == (False, True)
    assert Path(model.name).name == gguf.name
    assert (model.parameters, model.loaded, model.context) == (134_515_008, True, 1024)
    assert model.size == pytest.approx(98_362_432, rel=0.05)
    assert not model.capable, "135 million parameters are what is embedded anyway"
    assert choose([server]) is None
