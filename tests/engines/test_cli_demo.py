"""`demo` and `say` through the console script: what they print and the files they leave."""

import base64
import json
import re
import wave
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from npc_runtime.events import Error, Notice
from npc_runtime.server.protocol import server_messages
from npc_runtime.testing import Npc

pytestmark = pytest.mark.engine

FILES = ["events.jsonl", "reply.wav", "report.html", "visemes.json"]
Alike = Callable[[str, str], float]
Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Exchange:
    folder: Path
    code: int
    out: str
    err: str

    @property
    def messages(self) -> Messages:
        return lines(self.folder.joinpath("events.jsonl").read_text(encoding="utf-8"))

    def of(self, kind: str) -> Messages:
        return [message for message in self.messages if message["type"] == kind]


def lines(text: str) -> Messages:
    return [json.loads(line) for line in text.splitlines()]


class References(HTMLParser):
    """What the tags of a page load or link to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, run_once: Any) -> Exchange:
    """`npc-runtime demo` in an empty folder."""
    folder = tmp_path_factory.mktemp("demo")
    done = run_once("demo", cwd=folder)
    return Exchange(folder / "npc-demo", done.code, done.out, done.err)


@pytest.fixture(scope="module")
def ansel(tmp_path_factory: pytest.TempPathFactory, run_once: Any, audio_fixtures: Path) -> Exchange:
    """A recording for another character, as JSON."""
    folder = tmp_path_factory.mktemp("ansel")
    wav = str(audio_fixtures / "ansel_fever.flac")
    done = run_once("demo", "--wav", wav, "--character", "ansel", "--out", "x/y", "--json", cwd=folder)
    return Exchange(folder / "x" / "y", done.code, done.out, done.err)


def test_it_works_and_leaves_four_files(demo: Exchange) -> None:
    assert demo.code == 0
    assert sorted(path.name for path in demo.folder.iterdir()) == FILES
    assert demo.err == "Loading the models …\n"


def test_the_transcript_is_for_people(demo: Exchange) -> None:
    assert re.search(r"^You +.*sword", demo.out, re.MULTILINE)
    assert "Brynja Ironhand" in demo.out
    for said in demo.of("say"):
        assert said["text"] in demo.out
    for action in demo.of("action"):
        assert f"→ {action['name']}" in demo.out
    assert re.search(r"After you stopped: heard \d+\.\d\d s, .*first sound \d+\.\d\d s, all done", demo.out)
    assert "report.html" in demo.out.splitlines()[-1]


@pytest.mark.parametrize("which", ["demo", "ansel"])
def test_events_are_protocol_messages(which: str, request: pytest.FixtureRequest) -> None:
    messages = cast(Exchange, request.getfixturevalue(which)).messages
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    reader = server_messages()
    for message in messages:
        fields = {key: value for key, value in message.items() if key != "seq"}
        if "pcm_base64" in fields:
            fields["pcm"] = base64.b64decode(fields.pop("pcm_base64"))
        event = reader.validate_python(fields)
        assert event.type == message["type"]
        assert not isinstance(event, Error | Notice), message
    kinds = [message["type"] for message in messages]
    assert kinds.index("heard") < kinds.index("turn.begin") < kinds.index("emotion") < kinds.index("say")
    assert kinds.count("turn.end") == 1
    assert not {"say", "visemes", "speech.audio"} & set(kinds[kinds.index("turn.end") :])


@pytest.mark.parametrize("which", ["demo", "ansel"])
def test_events_fit_the_published_schema(which: str, request: pytest.FixtureRequest, run_once: Any) -> None:
    exchange = cast(Exchange, request.getfixturevalue(which))
    done = run_once("schema", "protocol", cwd=exchange.folder.parent)
    definitions = json.loads(done.out)["$defs"]
    mapping = definitions["ServerMessage"]["discriminator"]["mapping"]
    for message in exchange.messages:
        described = definitions[mapping[message["type"]].rsplit("/", 1)[-1]]
        assert set(message) <= set(described["properties"])
        assert set(described["required"]) <= set(message)


@pytest.mark.parametrize("which", ["demo", "ansel"])
def test_visemes_precede_their_audio_and_tile_it(which: str, request: pytest.FixtureRequest) -> None:
    exchange = cast(Exchange, request.getfixturevalue(which))
    order = [(message["type"], message.get("clause")) for message in exchange.messages]
    audio = exchange.of("speech.audio")
    assert audio
    for piece in audio:
        assert order.index(("visemes", piece["clause"])) < order.index(("speech.audio", piece["clause"]))
    track = json.loads(exchange.folder.joinpath("visemes.json").read_text(encoding="utf-8"))
    with wave.open(str(exchange.folder / "reply.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        duration_ms = file.getnframes() * 1000 / file.getframerate()
        pcm = file.readframes(file.getnframes())
    assert pcm == b"".join(base64.b64decode(piece["pcm_base64"]) for piece in audio)
    frames = track["frames"]
    assert track["duration_ms"] == pytest.approx(duration_ms, abs=0.01)
    assert frames[0][0] == 0
    assert frames[-1][1] == pytest.approx(duration_ms, abs=0.1)
    spans = list(dict.fromkeys((start, end) for start, end, *_ in frames))  # shapes of one pose share their time
    for (_, end), (start, _) in pairwise(spans):
        assert start == pytest.approx(end, abs=0.01)
    assert all(start < end and 0 <= weight <= 1 for start, end, _, weight in frames)
    assert track["timing"] == "exact"


@pytest.mark.parametrize("which", ["demo", "ansel"])
def test_the_reply_says_what_say_said(which: str, request: pytest.FixtureRequest, npc: Npc, alike: Alike) -> None:
    exchange = cast(Exchange, request.getfixturevalue(which))
    said = " ".join(message["text"] for message in exchange.of("say"))
    assert exchange.of("turn.end")[0]["text"].split() == said.split()
    assert alike(npc.transcribe(exchange.folder / "reply.wav"), said) > 0.7


def test_the_report_needs_nothing_from_outside(demo: Exchange) -> None:
    page = demo.folder.joinpath("report.html").read_text(encoding="utf-8")
    assert "Brynja Ironhand" in page
    references = References()
    references.feed(page)
    assert all(link.startswith(("data:", "blob:", "#")) for link in references.found)
    assert not re.search(r"@import|url\(\s*['\"]?(?!data:|#)", page)
    assert "default-src 'none'" in page


def test_json_is_all_there_is_on_stdout(ansel: Exchange) -> None:
    assert ansel.code == 0
    assert lines(ansel.out) == ansel.messages
    assert ansel.err == ""
    assert {message["character"] for message in ansel.of("turn.begin")} == {"ansel"}


def test_the_recording_was_understood(ansel: Exchange, alike: Alike) -> None:
    assert alike(ansel.of("heard")[0]["text"], "Ansel, can you help me? I have had a fever for three days.") > 0.7


def test_say_takes_text_and_a_scene(tmp_path: Path, run: Any) -> None:
    scene = tmp_path / "forge.yaml"
    scene.write_text("place: the forge\nentities:\n  - {id: rusty_axe, name: rusty axe, tags: [weapon]}\n", "utf-8")
    request = ["--character", "smith", "--text", "Can you mend my axe?", "--scene", "forge.yaml", "--seed", "1"]
    done = run("say", *request, "--json")
    assert done.code == 0
    messages = lines(done.out)
    heard = next(message for message in messages if message["type"] == "heard")
    assert (heard["text"], heard["to"]) == ("Can you mend my axe?", "brynja")
    for action in messages:
        if action["type"] == "action" and action["name"] == "repair_item":
            assert action["args"]["item"] == "rusty_axe"
    assert sorted(path.name for path in (tmp_path / "npc-demo").iterdir()) == FILES


def test_silence_is_no_turn(tmp_path: Path, run: Any, audio_fixtures: Path) -> None:
    done = run("say", "--character", "thora", "--wav", str(audio_fixtures / "silence.flac"), "--out", "out")
    assert done.code == 0
    assert "(nothing was said: " in done.out
    assert "Thora" not in done.out
    messages = lines((tmp_path / "out" / "events.jsonl").read_text(encoding="utf-8"))
    heard = next(message for message in messages if message["type"] == "heard")
    assert heard["text"] == "" and heard["reason"]
    assert not {"turn.begin", "say", "speech.audio"} & {message["type"] for message in messages}
