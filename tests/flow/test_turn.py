"""One exchange with scripted engines: what comes out, in which order, whatever the engines do."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npc_runtime import events
from npc_runtime.clock import MonotonicClock
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.errors import EngineError
from npc_runtime.interview import Interview
from npc_runtime.llm.backend import Completion, Delta, Finish
from npc_runtime.outbox import Outbox
from npc_runtime.scene import Entity, Scene
from npc_runtime.session import Session
from npc_runtime.speech import ClipHead, ClipPiece, Samples, TimedPhone, Transcript, VoiceColour
from npc_runtime.trace import Trace

pytestmark = pytest.mark.anyio

RATE = 1000
SCENE = Scene(entities=(Entity("iron_sword", "iron sword", ("weapon",)), Entity("shield", "shield", ("armor",))))

CHARACTER = """
name: Brynja Ironhand
aliases: [Brynja]
persona: {summary: Blacksmith of Hollowfen., traits: {agreeableness: -0.4}}
style: {response_length: medium}
actions: [repair_item, refuse_service]
relationships: {default: {trust: 0.25}}
barks: {failed: ["Lost my thread."]}
"""
PACK = """
actions:
  repair_item:
    description: Mend it.
    args: {item: {type: entity, tags: [weapon]}, price: {type: integer, min: 0, max: 50}}
  refuse_service: {description: Turn the player away.}
"""


class Mind:
    """Writes what the script says; an exception in the script is raised there."""

    name = "script"

    def __init__(self, *replies: Sequence[str | Exception], small: bool = False) -> None:
        self.small = small
        self.replies = list(replies)
        self.requests: list[Completion] = []

    async def start(self) -> None:
        """Always ready."""

    async def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def warm(self, request: Completion, *, said: str = "") -> None:
        """Nothing to warm."""

    async def aclose(self) -> None:
        """Nothing to close."""

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        self.requests.append(request)
        reply = self.replies.pop(0)

        async def items() -> AsyncIterator[Delta | Finish]:
            for piece in reply:
                if isinstance(piece, Exception):
                    raise piece
                yield Delta(piece)
            yield Finish(complete=True, prompt_tokens=10, completion_tokens=len(reply))

        yield items()


class Mouth:
    """A tenth of a second a clause, in two pieces; raises or keeps silent where told."""

    def __init__(self, **trouble: Exception | None) -> None:
        self.trouble = trouble

    @asynccontextmanager
    async def stream(
        self, text: str, character: CharacterFile, *, rank: int = 0, colour: VoiceColour | None = None
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        word = text.split()[0].strip(".,!?").lower()

        async def parts() -> AsyncIterator[ClipHead | ClipPiece]:
            if word in self.trouble:
                error = self.trouble[word]
                if error is None:
                    yield ClipHead((), 0, RATE, "exact", "en")
                    return
                raise error
            yield ClipHead((TimedPhone("a", 100),), 100, RATE, "exact", "en")
            yield ClipPiece(np.full(40, 0.5, np.float32), RATE, last=False)
            yield ClipPiece(np.full(60, 0.5, np.float32), RATE, last=True)

        yield parts()


class Ears:
    def __init__(self, heard: Transcript | Exception) -> None:
        self.heard = heard
        self.hotwords: Sequence[str] = ()

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str], rank: int = 0) -> Transcript:
        self.hotwords = hotwords
        if isinstance(self.heard, Exception):
            raise self.heard
        return self.heard


@pytest.fixture
def library(tmp_path: Path) -> Library:
    for folder, name, text in (("characters", "brynja", CHARACTER), ("actions", "trade", PACK)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "characters" / "barnaby.yaml").write_text(
        "name: Barnaby Holt\npersona: {summary: Innkeeper.}\n", encoding="utf-8"
    )
    loaded = Library.load([tmp_path])
    assert loaded.problems == ()
    return loaded


class Stage:
    """A session with scripted engines, and all that left it."""

    def __init__(self, library: Library, mind: Mind, mouth: Mouth | None = None, ears: Ears | None = None) -> None:
        self.events: list[events.Event] = []
        self.mind = mind
        self.session = Session(
            library,
            ears=ears or Ears(Transcript("", "en", reason="silence")),
            mind=mind,
            mouth=mouth or Mouth(),
            emit=self.events.append,
            scene=SCENE,
        )

    async def say(self, text: str = "Hello.") -> list[str]:
        self.events.clear()
        await Interview(self.session).say("brynja", text)
        return self.told()

    def told(self) -> list[str]:
        """The events in short."""
        return [short(event) for event in self.events]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def short(event: events.Event) -> str:
    match event:
        case events.Heard():
            return f"heard {event.text or event.reason}"
        case events.State():
            return event.stage
        case events.TurnBegin():
            return "begin"
        case events.Emotion():
            return f"{event.label} {event.strength}"
        case events.Say():
            return f"say {event.text}"
        case events.Visemes():
            return "visemes"
        case events.SpeechAudio():
            return "audio" if event.last else "piece"
        case events.Action():
            return f"do {event.name} {dict(event.args)}"
        case events.Notice():
            return f"notice {event.code}"
        case events.Error():
            return f"error {event.code}"
        case events.TurnEnd():
            return f"end {event.reason}"
        case _:
            return event.type


FAILED = ["neutral normal", "speaking", "say Lost my thread.", "visemes", "piece", "audio"]


async def test_a_reply_in_order(library: Library) -> None:
    stage = Stage(
        library,
        Mind(
            [
                "[emotion anger ",
                "strong] That blade's a dis",
                "grace. Leave it here.",
                " [action repair_item item=",
                "iron_sword price=40]",
            ]
        ),
    )
    assert await stage.say("Can you mend my sword?") == [
        "heard Can you mend my sword?",
        "thinking",
        "begin",
        "anger strong",
        "speaking",
        "say That blade's a disgrace.",
        "visemes",
        "piece",
        "audio",
        "say Leave it here.",
        "visemes",
        "piece",
        "audio",
        "do repair_item {'item': 'iron_sword', 'price': 40}",
        "end done",
        "idle",
    ]
    [end] = stage.of(events.TurnEnd)
    assert end.text == "That blade's a disgrace. Leave it here."
    assert end.usage == events.Usage(model="script", prompt_tokens=10, completion_tokens=5)
    assert list(end.timings) == ["first_token_ms", "first_clause_ms", "first_audio_ms", "total_ms"]
    assert sorted(end.timings.values()) == list(end.timings.values())


async def test_clauses_follow_one_another_in_time(library: Library) -> None:
    stage = Stage(library, Mind(["[emotion joy weak] One is here. Two is there. Three is gone."]))
    await stage.say()
    assert [(say.start_ms, say.end_ms) for say in stage.of(events.Say)] == [(0, 100), (100, 200), (200, 300)]
    assert [audio.start_ms for audio in stage.of(events.SpeechAudio)] == [0, 40, 100, 140, 200, 240]
    assert [track.frames[0][0] for track in stage.of(events.Visemes)] == [0, 100, 200]
    assert [track.frames[-1][1] for track in stage.of(events.Visemes)] == [100, 200, 300]
    assert [len(audio.pcm) for audio in stage.of(events.SpeechAudio)] == [80, 120] * 3


async def test_a_reply_without_a_feeling_is_neutral(library: Library) -> None:
    stage = Stage(library, Mind(["Aye."]))
    assert (await stage.say("The door is open."))[3:6] == ["neutral normal", "speaking", "say Aye."]


async def test_the_emotion_carries_mood_and_relation(library: Library) -> None:
    stage = Stage(library, Mind(["[emotion anger strong] Out!"]))
    rest = events.Mood(label="disdainful", strength="slightly", pad=(-0.236, -0.12, 0.128))
    await stage.say("The door is open.")
    [emotion] = stage.of(events.Emotion)
    assert (emotion.label, emotion.cause) == ("anger", "reply")
    assert emotion.pad[0] < -0.4 and emotion.pad[1] > 0.5
    assert emotion.mood.pad[0] < rest.pad[0] and emotion.mood.pad[1] > rest.pad[1]
    assert emotion.relation.trust == 0.25


async def test_an_engine_that_fails_at_once_still_lets_the_character_speak(library: Library) -> None:
    stage = Stage(library, Mind([EngineError("The model is gone.", hint="restart it")]))
    told = await stage.say("The door is open.")
    assert told[2:] == ["begin", *FAILED, "error engine", "end failed", "idle"]
    [error] = stage.of(events.Error)
    assert (error.message, error.hint) == ("The model is gone.", "restart it")


async def test_what_was_said_before_a_failure_stays(library: Library) -> None:
    stage = Stage(library, Mind(["[emotion joy weak] Well met. Now then", EngineError("broken")]))
    told = await stage.say()
    assert told.index("say Well met.") < told.index("say Lost my thread.") < told.index("end failed")


async def test_a_bug_in_an_engine_ends_the_turn_only(library: Library) -> None:
    stage = Stage(
        library,
        Mind([ValueError("bug")], ["[emotion joy weak] Aye."]),
        Mouth(aye=KeyError("bug"), lost=KeyError("bug")),
    )
    assert (await stage.say())[-5:] == [
        "notice voice_failed",
        "say Lost my thread.",
        "error internal",
        "end failed",
        "idle",
    ]
    assert (await stage.say())[-4:] == ["notice voice_failed", "say Aye.", "end done", "idle"]


async def test_a_clause_that_cannot_be_spoken_is_still_shown_and_the_rest_is_spoken(library: Library) -> None:
    reply = ["[emotion joy weak] One is here. Two is there. [action refuse_service]"]
    stage = Stage(library, Mind(reply), Mouth(one=EngineError("no voice")))
    assert (await stage.say())[4:-2] == [
        "notice voice_failed",
        "say One is here.",
        "speaking",
        "say Two is there.",
        "visemes",
        "piece",
        "audio",
        "do refuse_service {}",
    ]


async def test_words_without_sound_are_shown(library: Library) -> None:
    stage = Stage(library, Mind(["[emotion joy weak] Hm. Two is there."]), Mouth(hm=None))
    assert (await stage.say())[4:8] == ["say Hm.", "speaking", "say Two is there.", "visemes"]


@pytest.mark.parametrize("reply", [[], ["   "], ["[emotion joy weak]"], ["<think>Should I answer?"]])
async def test_an_empty_reply_is_answered_with_a_bark(library: Library, reply: list[str]) -> None:
    told = await Stage(library, Mind(reply, reply)).say()
    assert "say Lost my thread." in told
    assert told[-3:] == ["error empty_reply", "end failed", "idle"]


async def test_a_small_model_writes_only_what_is_its_choice(library: Library) -> None:
    mind = Mind([" Leave it here.", " ["], ["action repair_item price=", "40]"], small=True)
    stage = Stage(library, mind)
    told = await stage.say("Can you mend my iron sword?")
    assert told[-4:] == ["audio", "do repair_item {'item': 'iron_sword', 'price': 40}", "end done", "idle"]
    speech, action = mind.requests
    assert speech.grammar is not None and "repair_item" not in speech.grammar
    assert (speech.written, speech.opening) == ("[interest]", "")
    assert (action.written, action.opening) == ("[interest] Leave it here. [", "action repair_item price=")
    assert action.grammar is not None and action.grammar.startswith("root ::= ([0-9] |")
    assert stage.of(events.TurnEnd)[0].usage.completion_tokens == 4


async def test_a_small_model_is_not_asked_what_is_certain(library: Library) -> None:
    mind = Mind([" Out. ["], small=True)
    told = await Stage(library, mind).say("I hate your service, so turn away from me.")
    assert "do refuse_service {}" in told
    assert len(mind.requests) == 1


async def test_a_small_model_that_does_not_act_is_not_made_to(library: Library) -> None:
    mind = Mind([" Good day."], small=True)
    told = await Stage(library, mind).say("Can you mend my iron sword?")
    assert not any(line.startswith("do") for line in told)


async def test_an_action_alone_is_a_reply(library: Library) -> None:
    told = await Stage(library, Mind(["[action refuse_service]"])).say()
    assert "do refuse_service {}" in told
    assert told[-2:] == ["end done", "idle"]
    assert not any(line.startswith("say") for line in told)


async def test_what_is_not_allowed_is_dropped_and_the_rest_runs(library: Library) -> None:
    reply = [
        "[emotion joy weak] Aye. [action dance] [action repair_item item=shield price=5] [action refuse_service] "
        "[action refuse_service] [action repair_item item=iron_sword price=5]"
    ]
    told = await Stage(library, Mind(reply)).say()
    assert [line for line in told if line.startswith(("do", "notice"))] == [
        "notice action_unknown_action",
        "notice action_not_here",
        "do refuse_service {}",
        "notice action_duplicate",
        "do repair_item {'item': 'iron_sword', 'price': 5}",
    ]


async def test_no_words_are_put_into_the_mouth_of_others(library: Library) -> None:
    stage = Stage(library, Mind(["Brynja: Aye.\nBarnaby Holt: I have it here.\nTraveller: Thanks!"]))
    told = await stage.say()
    assert [line for line in told if line.startswith(("say", "notice"))] == ["say Aye.", "notice foreign_speaker"]


async def test_a_role_break_is_not_spoken(library: Library) -> None:
    reply = ["As an AI language model, I cannot do that."]
    told = await Stage(library, Mind(reply, reply)).say()
    assert "notice role_break" in told
    assert "say Lost my thread." in told
    assert not any("AI" in line for line in told if line.startswith("say"))


async def test_stage_directions_are_shown_not_spoken(library: Library) -> None:
    told = await Stage(library, Mind(["*wipes her hands* What will it be?"])).say()
    assert told.count("narration") == 1
    assert [line for line in told if line.startswith("say")] == ["say What will it be?"]


async def test_a_turn_is_remembered_and_a_failed_one_is_not(library: Library) -> None:
    mind = Mind(["[emotion joy weak] Aye."], [EngineError("gone")], ["[emotion joy weak] No."])
    stage = Stage(library, mind)
    for text in ("First?", "Second?", "Third?"):
        await stage.say(text)
    texts = [message.text for message in mind.requests[-1].messages]
    assert texts[1:3] == ["First?", "[emotion joy weak] Aye."]
    assert "Second?" not in " ".join(texts)
    assert texts[-1].endswith("Third?")


async def test_only_the_sentences_that_were_asked_for_are_spoken(library: Library) -> None:
    told = await Stage(library, Mind(["One is here. Two is there. Three is gone. Four is left. Five."])).say()
    assert len([line for line in told if line.startswith("say")]) == 3


async def test_only_what_was_heard_is_said_and_remembered(library: Library) -> None:
    mind = Mind(["[emotion joy weak] One is here. Two is over there. Three is gone."], ["[emotion joy weak] Aye."])
    stage = Stage(library, mind)
    character = stage.session.character("brynja")
    outbox = Outbox(stage.events.append)
    turn = stage.session.turn(character, Trace(MonotonicClock(), 0), outbox)
    await turn.run("Where are they?")
    assert stage.events == []
    outbox.commit()
    stage.session.remember(turn, turn.end(played_ms=160))
    [end] = stage.of(events.TurnEnd)
    assert (end.reason, end.text) == ("interrupted", "One is here. Two is …")
    await stage.say("Go on.")
    assert mind.requests[1].messages[2].text == "[emotion joy weak] One is here. Two is …"


async def test_a_turn_that_is_taken_back_leaves_no_trace(library: Library) -> None:
    mind = Mind(
        ["[emotion joy weak] Aye. [action refuse_service]"], ["[emotion joy weak] Aye. [action refuse_service]"]
    )
    stage = Stage(library, mind)
    character = stage.session.character("brynja")
    outbox = Outbox(stage.events.append)
    await stage.session.turn(character, Trace(MonotonicClock(), 0), outbox).run("Hello?")
    outbox.discard()
    assert stage.events == []
    told = await stage.say("Hello?")
    assert "do refuse_service {}" in told
    assert stage.of(events.TurnBegin)[0].turn == 1
    assert len(mind.requests[1].messages) == 2


async def test_nothing_heard_means_no_turn(library: Library) -> None:
    stage = Stage(library, Mind(), ears=Ears(Transcript("", "en", reason="no_speech")))
    await Interview(stage.session).hear("brynja", np.zeros(1600, np.float32))
    assert stage.told() == ["thinking", "heard no_speech", "idle"]


async def test_speech_is_heard_with_the_names_of_the_scene(library: Library) -> None:
    ears = Ears(Transcript("Mend my sword.", "en"))
    stage = Stage(library, Mind(["[emotion joy weak] Aye."]), ears=ears)
    await Interview(stage.session).hear("Brynja", np.zeros(1600, np.float32))
    assert stage.told()[:3] == ["thinking", "heard Mend my sword.", "begin"]
    assert {"Brynja Ironhand", "Barnaby Holt", "iron sword"} <= set(ears.hotwords)
    assert "stt_ms" in stage.of(events.TurnEnd)[0].timings


async def test_broken_ears_are_answered_too(library: Library) -> None:
    stage = Stage(library, Mind(), ears=Ears(EngineError("deaf")))
    await Interview(stage.session).hear("brynja", np.zeros(1600, np.float32))
    assert stage.told() == ["thinking", "begin", *FAILED, "error engine", "end failed", "idle"]


async def test_a_small_model_is_not_asked_for_what_the_player_has_said(library: Library) -> None:
    stage = Stage(library, Mind([" Aye. ["], small=True))
    told = await stage.say("Can you mend my iron sword, price 40?")
    assert "do repair_item {'item': 'iron_sword', 'price': 40}" in told
    assert len(stage.mind.requests) == 1


async def test_a_small_model_says_what_the_player_has_left_open(library: Library) -> None:
    stage = Stage(library, Mind([" Aye. ["], ["action repair_item price=25]"], small=True))
    told = await stage.say("Can you mend my iron sword?")
    assert "do repair_item {'item': 'iron_sword', 'price': 25}" in told
    assert stage.mind.requests[1].opening == "action repair_item price="
