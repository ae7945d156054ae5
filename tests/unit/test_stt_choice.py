"""Which Whisper is taken, and on which processor it works."""

import pytest

from npc_runtime.models.hardware import Gpu, Machine
from npc_runtime.models.registry import ModelEntry, Registry
from npc_runtime.stt.placement import CPU, Device, Placement, place, place_here
from npc_runtime.stt.sizes import arrange, choose_size

GIB = 1 << 30
TYPES = {"float32", "float16", "int8_float16", "int8"}


def machine(cores: int = 4, available: int = 16 * GIB, *gpus: Gpu) -> Machine:
    return Machine(total=32 * GIB, available=available, cores=cores, threads=2 * cores, gpus=gpus)


def entry(name: str, size: int, ram: int, *languages: str) -> ModelEntry:
    return ModelEntry.model_validate(
        {
            "id": name,
            "kind": "stt",
            "family": "whisper",
            "title": name,
            "languages": languages,
            "licence": "MIT",
            "ram_mib": ram,
            "files": [{"name": "model.bin", "size": size, "sha256": "0" * 64}],
            "packages": [{"module": "none", "files": {"model.bin": "model.bin"}}],
        }
    )


TINY, BASE = (Registry.load().get(name) for name in ("whisper-tiny-en", "whisper-base"))
BASE_EN = entry("whisper-base-en", 145 << 20, 300, "en")
SMALL = entry("whisper-small", 484 << 20, 800, "en", "de", "tr")
LARGE = entry("whisper-large", 3090 << 20, 4000, "en", "de", "tr")
ALL = [SMALL, TINY, LARGE, BASE]


@pytest.mark.parametrize(
    ("cores", "language", "best"),
    [
        (2, "en", "whisper-tiny-en"),
        (4, "en-US", "whisper-base"),
        (8, "en", "whisper-small"),
        (2, "de", "whisper-base"),
        (4, "tr", "whisper-base"),
        (16, "de_DE", "whisper-small"),
    ],
)
def test_the_best_that_keeps_up(cores: int, language: str, best: str) -> None:
    chosen = choose_size(ALL, language, machine(cores))
    assert chosen and chosen.id == best


def test_on_a_graphics_processor_the_largest() -> None:
    assert choose_size(ALL, "en", machine(2), cuda=True) == LARGE
    assert choose_size([TINY, BASE], "en", machine(2), cuda=True) == BASE


def test_of_two_as_large_the_one_for_fewer_languages() -> None:
    assert choose_size([BASE_EN, entry("whisper-base-two", 145 << 20, 300, "en", "de")], "en", machine()) == BASE_EN


def test_the_game_keeps_its_memory() -> None:
    assert choose_size(ALL, "en", machine(8, 4 * GIB + (500 << 20))) == BASE
    assert choose_size(ALL, "en", machine(8, GIB)) == TINY, "something has to be taken"


def test_nothing_that_knows_the_language() -> None:
    assert choose_size([TINY], "de", machine()) is None
    assert choose_size([], "en", machine()) is None
    assert choose_size([Registry.load().get("smollm2-135m-q4")], "en", machine()) is None


@pytest.mark.parametrize(
    ("wanted", "gpus", "devices", "device"),
    [
        ("cpu", (Gpu("Card", 24 * GIB, 20 * GIB),), 1, "cpu"),
        ("auto", (), 0, "cpu"),
        ("cuda", (), 0, "cpu"),
        ("auto", (Gpu("Card", 24 * GIB, 20 * GIB),), 1, "cuda"),
        ("auto", (Gpu("Card", 8 * GIB, 4 * GIB),), 1, "cpu"),
        ("auto", (Gpu("Old", 2 * GIB, GIB), Gpu("Card", 24 * GIB, 20 * GIB)), 2, "cuda"),
        ("auto", (), 1, "cuda"),
        ("cuda", (Gpu("Card", 8 * GIB, 4 * GIB),), 1, "cuda"),
    ],
)
def test_where_it_works(wanted: Device, gpus: tuple[Gpu, ...], devices: int, device: str) -> None:
    placed = place(wanted, machine(4, 16 * GIB, *gpus), 75 << 20, devices, TYPES)
    assert placed.device == device
    assert placed.compute_type == ("int8_float16" if device == "cuda" else "int8")
    assert placed.why


def test_model_and_processor_together() -> None:
    def card(free: int) -> tuple[str, str] | None:
        here = machine(2, 16 * GIB, Gpu("Card", 24 * GIB, free))
        found = arrange(ALL, "en", here, lambda size: place("auto", here, size, 1, TYPES))
        return (found[0].id, found[1].device) if found else None

    assert card(20 * GIB) == ("whisper-large", "cuda")
    assert card(6 * GIB) == ("whisper-small", "cuda"), "the largest that leaves the game its share"
    assert card(4 * GIB) == ("whisper-tiny-en", "cpu")
    assert arrange([TINY], "de", machine(), lambda _: CPU) is None


def test_arithmetic_of_an_old_card() -> None:
    assert place("cuda", machine(), 1, 1, {"float32", "int8_float32"}).compute_type == "int8_float32"
    assert place("cuda", machine(), 1, 1, ()).compute_type == "default"


def test_on_this_machine_it_is_somewhere() -> None:
    assert place_here("cpu", machine(), 1) == CPU
    assert isinstance(place_here("auto", machine(), 75 << 20), Placement)
