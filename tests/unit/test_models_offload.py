"""How much of a model the graphics processor takes: what fits beside a game, and no more."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.config import load, problems
from npc_runtime.models.fit import GAME_RESERVE
from npc_runtime.models.hardware import Gpu, Machine
from npc_runtime.models.offload import ALL, Shape, layers_on_gpu

GIB = 1 << 30
SEVEN = Shape(weights=4 * GIB, layers=32, cache_bytes=128 << 10)


def machine(*free: int, unified: bool = False, available: int = 16 * GIB) -> Machine:
    gpus = tuple(Gpu(f"card {number}", 24 * GIB, size) for number, size in enumerate(free))
    return Machine(32 * GIB, available, 4, 8, gpus, unified)


def layers(here: Machine, shape: Shape = SEVEN, context: int = 2048) -> int:
    return layers_on_gpu(here, shape, context=context, slots=2)


def test_all_some_or_none_by_what_is_free() -> None:
    assert layers(machine()) == 0
    assert layers(machine(3 * GIB)) == 0, "the game's share was taken"
    assert 0 < layers(machine(6 * GIB)) < 32
    assert layers(machine(12 * GIB)) == ALL
    assert layers(machine(1 * GIB, 12 * GIB)) == ALL, "the other card has room"
    assert layers(machine(unified=True)) == ALL
    assert layers(machine(unified=True, available=4 * GIB)) == 0


def test_a_longer_context_leaves_room_for_fewer_layers() -> None:
    assert layers(machine(7 * GIB), context=32768) < layers(machine(7 * GIB), context=2048)


def test_a_model_of_unknown_size_stays_off() -> None:
    assert layers(machine(12 * GIB), Shape(weights=4 * GIB, layers=0, cache_bytes=0)) == 0
    assert layers(machine(12 * GIB), Shape(weights=0, layers=32, cache_bytes=0)) == 0


@given(st.integers(0, 64 * GIB), st.integers(1, 64 * GIB), st.integers(1, 200), st.integers(0, 1 << 20))
def test_the_game_keeps_its_share(free: int, weights: int, count: int, cache: int) -> None:
    shape = Shape(weights, count, cache)
    chosen = layers(machine(free), shape)
    assert ALL <= chosen <= count
    whole = weights + cache * 2048 * 2
    share = whole if chosen == ALL else whole * chosen // (count + 1)
    assert chosen == 0 or free - share >= GAME_RESERVE


def test_the_setting_takes_a_number_or_auto_and_says_so(tmp_path: Path) -> None:
    def layers_set_to(value: str) -> int | str:
        return load(tmp_path, environ={"NPC_RUNTIME_LLM__GPU_LAYERS": value}).llm.gpu_layers

    assert [layers_set_to("auto"), layers_set_to("8"), layers_set_to("-1")] == ["auto", 8, -1]
    (tmp_path / "npc-runtime.toml").write_text('[llm]\ngpu_layers = "al"\n')
    [problem] = problems(tmp_path / "npc-runtime.toml")
    assert str(problem).endswith(":2:1: 'gpu_layers' must be a number of layers, -1 or 'auto', not 'al'")
