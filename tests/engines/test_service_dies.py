"""The real server with a service that dies at any point of a turn: the embedded model ends it, in the same turn."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio.to_thread
import pytest
from tests._fault_server import FaultServer
from tests.engines._killing import KEY, Dying, Point, points, twice, words
from tests.engines._serving import Server, serving
from tests.engines.conftest import Run

pytestmark = [pytest.mark.engine, pytest.mark.anyio]


@pytest.fixture(scope="module")
def service() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dies")


@pytest.fixture(scope="module")
def server(folder: Path, service: FaultServer) -> Iterator[Server]:
    """Pays for a preset's model, at an address of this machine."""
    settings = {"PROVIDER": "openai", "BASE_URL": service.url, "REPLY_FORMAT": "tags", "API_KEY": KEY, "TIMEOUT": "1"}
    environ = {f"NPC_RUNTIME_LLM__{name}": value for name, value in settings.items()}
    with serving(folder / "state", folder / "log.txt", **environ, NPC_RUNTIME_BUDGET__SESSION="0.02") as ready:
        yield ready


@pytest.fixture
async def dying(server: Server, service: FaultServer) -> AsyncIterator[Dying]:
    async with server.game(audio={"out": "binary"}) as game:
        yield Dying(server, service, game)


async def test_every_turn_is_ended_and_no_word_comes_twice(dying: Dying) -> None:
    whole = await dying.turn(None)
    assert whole.reason == "done" and whole.model == "openai/gpt-4.1-mini" and not whole.notices
    assert whole.cost == pytest.approx((900 * 0.40 + 40 * 1.60) / 1e6)
    for point in points(9):
        told = await dying.turn(point)
        assert told.reason == "done" and told.said, (point, told.notices, told)
        assert not twice(told), (point, told)
        assert told.switched, (point, told)
        [notice] = [notice for notice in told.notices if notice["code"] == "switched"]
        assert notice["message"].startswith("smollm2") and "openai/gpt-4.1-mini" in notice["message"]
        again = await dying.turn(None)
        assert again.said == whole.said and again.reason == "done", (point, again)
        assert "It works again." in again.notices[0]["message"]


async def test_one_that_falls_silent_is_not_waited_for(dying: Dying) -> None:
    told = await dying.turn(Point(9, hangs=True))
    assert told.reason == "done" and told.switched and not twice(told)
    assert words(told.said)[:2] == ["oh", "that"]


async def test_money_is_told_and_not_overspent(server: Server, service: FaultServer, folder: Path, run: Run) -> None:
    async with server.game(audio={"out": "binary"}) as game:
        dying = Dying(server, service, game)
        turns = [await dying.turn(None, line=f"Go on, {turn}.", prompt_tokens=20_000) for turn in range(4)]
    assert [told.reason for told in turns] == ["done"] * 4
    costs = [told.cost for told in turns]
    assert costs == [pytest.approx((20_000 * 0.40 + 40 * 1.60) / 1e6)] * 3 + [None]
    codes = [[notice["code"] for notice in told.notices] for told in turns]
    assert codes == [[], ["budget_warning"], ["budget_exceeded"], ["switched"]]
    assert turns[-1].model.startswith("smollm2")
    usage = json.loads(run("usage", "--json", "--state", str(folder / "state")).out)
    rows = {row["model"]: row for row in usage["rows"]}
    assert (
        rows["openai/gpt-4.1-mini"]["cost"] >= sum(cost or 0.0 for cost in costs) and rows[turns[-1].model]["answers"]
    )


async def test_the_key_is_nowhere(server: Server, folder: Path) -> None:
    _, traces = await server.ask("GET", "/v1/traces")
    assert KEY not in json.dumps(traces)
    written = await anyio.to_thread.run_sync(
        lambda: [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    )
    assert written and not any(KEY.encode() in content for content in written)
