"""The report page: self-contained, faithful, and safe whatever the player, the model or an author wrote."""

import base64
import hashlib
import io
import json
import os
import re
import wave
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime import events
from npc_runtime.errors import AudioError, OutputError
from npc_runtime.report import write_report
from npc_runtime.report.page import SCRIPTS, embed_json
from npc_runtime.report.story import tell
from npc_runtime.report.waveform import media_type, outline
from npc_runtime.report.words import spread
from npc_runtime.resources import bundled

RATE = 16000
ATTACK = "</script><img src=x onerror=alert(1)><!--{{script}}\u2028'\"&amp;"


def tone(seconds: float, *, channels: int = 1, width: int = 2, level: float = 0.5) -> bytes:
    samples = level * np.sin(np.arange(int(seconds * RATE)) * 2 * np.pi * 220 / RATE)
    frames = np.repeat(samples[:, None], channels, axis=1)
    if width == 1:
        raw = ((frames + 1) * 127.5).astype(np.uint8).tobytes()
    else:
        wide = (frames * (2**31 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)
        raw = wide[:, 4 - width :].tobytes()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(RATE)
        file.writeframes(raw)
    return buffer.getvalue()


def turn(text: str = "Aye. Steel holds.") -> list[dict[str, Any]]:
    feeling = events.Emotion(
        turn=1,
        character="brynja",
        label="anger",
        strength="strong",
        intensity=0.8,
        pad=(-0.5, 0.6, 0.2),
        mood=events.Mood(label="hostile", strength="slightly", pad=(-0.1, 0.2, 0.1)),
        relation=events.Relation(trust=-0.2),
        cause=text,
    )
    frames = (
        (0.0, 100.0, "sil", 0.0),
        (100.0, 400.0, "aa", 0.9),
        (400.0, 500.0, "PP", 1.0),
        (500.0, 600.0, "sil", 0.0),
    )
    story: list[events.Event] = [
        events.Heard(text=text, final=True, language="en", to="brynja"),
        events.TurnBegin(turn=1, character="brynja", reply_to=text),
        feeling,
        events.Say(turn=1, clause=0, text=text, start_ms=0.0, end_ms=600.0),
        events.Visemes(turn=1, clause=0, set="oculus", timing="exact", frames=frames),
        events.SpeechAudio(turn=1, clause=0, rate=RATE, start_ms=0.0, last=True, pcm=b"\x01\x02" * 500),
        events.Narration(turn=1, text=text),
        events.Action(turn=1, id="a1", name="repair_item", args={"item": text, "price": 40}, needs_result=True),
        events.Notice(code="dropped", message=text, hint=text, turn=1),
        events.TurnEnd(
            turn=1,
            reason="done",
            text=text,
            timings={"stt_ms": 120.0, "first_token_ms": 180.5, "first_audio_ms": 300.0, "total_ms": 950.0},
            usage=events.Usage(model=text, prompt_tokens=812, completion_tokens=40),
        ),
    ]
    return [events.to_wire(event, number) for number, event in enumerate(story)]


def write(path: Path, messages: list[dict[str, Any]], *, audio: bytes = b"", text: str = "Mend it.") -> str:
    write_report(
        path,
        messages=messages,
        audio=audio,
        character={"id": "brynja", "name": text, "summary": text},
        player_text=text,
        player_audio=tone(0.2),
        runtime_version="0.1.0",
    )
    return path.read_text(encoding="utf-8")


class Page(HTMLParser):
    """Collects the elements, attributes and script texts that a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.raw: list[str] = []
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.raw.append("")
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.raw[-1] += data

    @property
    def style(self) -> str:
        return self.raw[0]

    @property
    def data(self) -> Any:
        return json.loads(self.raw[1])

    @property
    def script(self) -> str:
        return self.raw[2]

    @property
    def policy(self) -> str:
        return next(
            str(attributes["content"])
            for tag, attributes in self.tags
            if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
        )


def test_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    html = write(tmp_path / "report.html", turn(), audio=tone(0.6))
    page = Page(html)
    for tag, attributes in page.tags:
        assert not {"src", "href", "srcset", "action", "style"} & attributes.keys(), tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
    # The one address is the name of the SVG namespace, which nothing fetches.
    assert set(re.findall(r"\w+://[\w.]*", html.replace(page.raw[1], ""))) == {"http://www.w3.org"}
    assert "url(" not in page.style and "@import" not in page.style


def test_policy_allows_exactly_the_inline_style_and_script(tmp_path: Path) -> None:
    page = Page(write(tmp_path / "report.html", turn()))

    def digest(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    rules = dict(rule.split(" ", 1) for rule in page.policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == digest(page.style)
    assert rules["script-src"] == digest(page.script)
    assert "unsafe" not in page.policy
    assert rules["media-src"] == rules["img-src"] == "data:"


def test_messages_come_back_as_they_went_in(tmp_path: Path) -> None:
    messages = turn("Größe 剣 🗡️ שלום \ud800")
    data = Page(write(tmp_path / "report.html", messages, audio=tone(0.6))).data
    sent = json.loads(json.dumps(messages))
    for message in sent:
        if "pcm_base64" in message:
            message["pcm_base64"] = "(1,000 bytes)"
    assert data["messages"] == sent


def test_audio_is_inside_once_and_whole(tmp_path: Path) -> None:
    sound = tone(0.6)
    html = write(tmp_path / "report.html", turn(), audio=sound)
    data = Page(html).data
    kind, encoded = data["reply"]["source"].split(",")
    assert kind == "data:audio/wav;base64"
    assert base64.b64decode(encoded) == sound
    assert data["player"]["source"].startswith("data:audio/wav;base64,")
    assert base64.b64encode(b"\x01\x02" * 500).decode() not in html
    assert data["story"]["duration_ms"] == pytest.approx(600)


def test_text_cannot_leave_its_block(tmp_path: Path) -> None:
    plain = Page(write(tmp_path / "plain.html", turn()))
    attacked = Page(write(tmp_path / "attacked.html", turn(ATTACK), text=ATTACK))
    assert attacked.tags == plain.tags
    assert attacked.script == plain.script
    assert attacked.data["story"]["player_text"] == ATTACK
    assert attacked.data["character"]["name"] == ATTACK


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_embedded_json_is_harmless_and_exact(value: Any) -> None:
    text = embed_json(value)
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert json.loads(text) == value


def test_numbers_that_json_lacks_become_null() -> None:
    assert json.loads(embed_json({"a": [float("nan"), float("inf"), 1.5]})) == {"a": [None, None, 1.5]}


def test_scripts_never_parse_data_as_html() -> None:
    for name in SCRIPTS:
        text = bundled("assets", "report", f"{name}.js").read_text(encoding="utf-8")
        for risky in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "</script", "fetch("):
            assert risky not in text, f"{name}.js uses {risky}"


def test_every_script_is_part_of_the_page() -> None:
    assert {path.stem for path in bundled("assets", "report").glob("*.js")} == set(SCRIPTS)


def test_failed_write_keeps_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "The disk is full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="The disk is full") as failure:
        write(path, turn())
    assert failure.value.hint
    assert path.read_text(encoding="utf-8") == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_folder_that_cannot_be_made_is_a_readable_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match=r"report\.html"):
        write(tmp_path / "file" / "report.html", turn())


def test_reply_audio_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        write(tmp_path / "report.html", turn(), audio=b"fLaC and so on")
    assert not list(tmp_path.iterdir())


ERROR = {"type": "error", "seq": 3, "code": "model", "message": "The model stopped answering.", "hint": "Restart it."}
END: dict[str, Any] = {"type": "turn.end", "seq": 9, "turn": 1, "text": "", "timings": {}}
SAY = {"type": "say", "seq": 4, "turn": 1, "clause": 0, "text": "Hmm.", "start_ms": 0.0, "end_ms": 300.0}


@pytest.mark.parametrize(
    ("messages", "audio_ms", "outcome", "headline"),
    [
        ([SAY, ERROR, END | {"reason": "failed"}], 300.0, "failed", "This turn failed. The model stopped answering."),
        ([SAY, END | {"reason": "done"}], 300.0, "done", ""),
        ([SAY, END | {"reason": "done"}], 0.0, "done", "The reply has words but no sound."),
        ([SAY, END | {"reason": "interrupted"}], 300.0, "interrupted", "The player interrupted the reply."),
        ([END | {"reason": "done"}], 0.0, "done", "The character did not say anything."),
        ([ERROR], 0.0, "unfinished", "This turn did not come to its end. The model stopped answering."),
        (
            [{"type": "heard", "text": "", "reason": "silence"}],
            0.0,
            "unfinished",
            "Nobody answered, for nothing was said.",
        ),
        ([], 0.0, "unfinished", "This turn did not come to its end."),
    ],
)
def test_the_page_says_what_happened(
    messages: list[dict[str, Any]], audio_ms: float, outcome: str, headline: str
) -> None:
    story = tell(messages, player_text="", duration_ms=audio_ms)
    assert (story.outcome, story.headline) == (outcome, headline)


@pytest.mark.parametrize("reason", ["silence", "no_speech", "unclear", ""])
def test_silence_of_the_player_is_explained(reason: str) -> None:
    story = tell([{"type": "heard", "text": "", "reason": reason}], player_text="", duration_ms=0)
    assert story.unheard.endswith(".")


def test_a_turn_without_any_message_still_makes_a_page(tmp_path: Path) -> None:
    assert Page(write(tmp_path / "deep" / "report.html", [])).data["story"]["outcome"] == "unfinished"


def test_stages_run_one_after_the_other_and_the_total_from_the_start() -> None:
    timings = {"total_ms": 950.0, "first_audio_ms": 300.0, "stt_ms": 120.0, "warm_up_ms": 130.0}
    stages = tell([END | {"reason": "done", "timings": timings}], player_text="Hi", duration_ms=0).stages
    assert [(stage.name, stage.start_ms, stage.end_ms) for stage in stages] == [
        ("stt", 0.0, 120.0),
        ("warm_up", 120.0, 130.0),
        ("first_audio", 130.0, 300.0),
        ("total", 0.0, 950.0),
    ]
    assert stages[1].label == "Warm up"


def test_an_emotion_takes_hold_with_the_clause_that_follows_it() -> None:
    feel = {"type": "emotion", "label": "joy"}
    second = SAY | {"clause": 1, "start_ms": 300.0, "end_ms": 700.0}
    story = tell([feel, SAY, feel, second, feel], player_text="", duration_ms=700)
    assert [feeling.at_ms for feeling in story.feelings] == [0.0, 300.0, 700.0]


def test_words_keep_clear_of_the_silence_around_a_clause() -> None:
    story = tell(turn("Aye, steel holds."), player_text="", duration_ms=600)
    words = story.clauses[0].words
    assert [word.text for word in words] == ["Aye,", "steel", "holds."]
    assert (words[0].start_ms, words[-1].end_ms) == (100.0, 500.0)


def test_word_times_from_the_voice_are_used_as_they_are() -> None:
    timed = SAY | {"words": [[10, 90.5, "Hmm."], ["?", None, "broken"]]}
    (clause,) = tell([timed], player_text="", duration_ms=300).clauses
    assert [(word.start_ms, word.end_ms, word.text) for word in clause.words] == [(10.0, 90.5, "Hmm.")]


def test_a_clause_without_an_end_lasts_until_the_next() -> None:
    first = {key: value for key, value in SAY.items() if key != "end_ms"}
    second = first | {"clause": 1, "start_ms": 400.0}
    story = tell([first, second], player_text="", duration_ms=900)
    assert [(clause.start_ms, clause.end_ms) for clause in story.clauses] == [(0.0, 400.0), (400.0, 900.0)]


@given(st.text(), st.floats(0, 1e5), st.floats(0, 1e5))
def test_spread_words_fill_the_clause_in_order(text: str, start: float, length: float) -> None:
    words = spread(text, start, start + length)
    assert [word.text for word in words] == text.split()
    edges = [edge for word in words for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    if words:
        assert words[0].start_ms == pytest.approx(start, abs=0.06)
        assert words[-1].end_ms == pytest.approx(start + length, abs=0.06)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_outline_measures_every_pcm_width(width: int, channels: int) -> None:
    shape = outline(tone(0.5, width=width, channels=channels))
    assert shape.duration_ms == pytest.approx(500)
    assert max(shape.peaks) == pytest.approx(1.0)
    assert min(shape.peaks) > 0.3


def test_outline_shows_where_it_is_loud() -> None:
    quiet, loud = tone(0.5, level=0.1), tone(0.5, level=0.8)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(quiet[44:] + loud[44:])
    peaks = outline(buffer.getvalue()).peaks
    half = len(peaks) // 2
    assert max(peaks[: half - 1]) < 0.2 < 0.9 < max(peaks[half + 1 :])


@pytest.mark.parametrize(("sound", "duration"), [(b"", 0.0), (tone(0), 0.0), (tone(0.001), 1.0)])
def test_outline_of_almost_nothing(sound: bytes, duration: float) -> None:
    assert outline(sound).duration_ms == pytest.approx(duration)


def test_outline_does_not_draw_silence_large() -> None:
    assert max(outline(tone(0.5, level=0.0005)).peaks) < 0.01


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"RIFF....WAVE", "audio/wav"),
        (b"fLaC", "audio/flac"),
        (b"OggS", "audio/ogg"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"?", "application/octet-stream"),
    ],
)
def test_media_type(head: bytes, kind: str) -> None:
    assert media_type(head) == kind
