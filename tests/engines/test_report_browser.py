"""The report in a real browser: it plays, follows the address, survives hostile text and fits every screen.

Chromium is driven over its DevTools pipe, which needs no port and no package. Without Chromium the tests are skipped.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npc_runtime import events
from npc_runtime.events import EMOTION_LABELS, EmotionLabel
from npc_runtime.report import write_report

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed"),
    pytest.mark.skipif(sys.platform == "win32", reason="the DevTools pipe is passed as POSIX file descriptors"),
]

# Chromium reads commands from descriptor 3 and answers on 4; moving them up first keeps one from overwriting the other.
LAUNCHER = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-pipe",
)

ATTACK = "</script><img src=x onerror=alert(1)><svg onload=alert(2)>{{script}} [ 1,  2 ]"
RATE = 16000
SHAPES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")


class Browser:
    """A headless Chromium with one page."""

    def __init__(self, profile: Path) -> None:
        commands, self._commands = os.pipe()
        answers, given = os.pipe()
        self._answers = os.fdopen(answers, "rb", buffering=0)
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(commands), str(given), CHROMIUM, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(commands, given),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(given)
        self._number = 0
        self._pending = b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        command: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self._receive()
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def open(self, path: Path, fragment: str = "", *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self._load("about:blank")
        self._load(path.as_uri() + fragment)

    def _load(self, address: str) -> None:
        self.events.clear()
        self.call("Page.navigate", url=address)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def run(self, script: str) -> Any:
        """The value of an expression in the page, waiting for it when it is a promise."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Return once an expression is true in the page."""
        self.run(
            "new Promise((done) => { const look = () => "
            f"({condition}) ? done(true) : requestAnimationFrame(look); look(); }})"
        )

    def press(self, key: str, code: int) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def complaints(self) -> list[dict[str, Any]]:
        """Exceptions, console output, dialogs, and what the security policy refused."""
        bad = (
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Log.entryAdded",
            "Page.javascriptDialogOpening",
        )
        return [event for event in self.events if event.get("method") in bad]

    def addresses(self) -> set[str]:
        """The kinds of addresses that the page asked for."""
        asked = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return {event["params"]["request"]["url"].split(":", 1)[0] for event in asked}

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._commands)
        self._answers.close()

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._pending:
            piece = self._answers.read(1 << 20)
            assert piece, "Chromium ended unexpectedly"
            self._pending += piece
        message, self._pending = self._pending.split(b"\0", 1)
        result: dict[str, Any] = json.loads(message)
        return result


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


def sound(seconds: float) -> bytes:
    time = np.arange(int(seconds * RATE)) / RATE
    samples = (np.sin(time * 2 * np.pi * 180) * (0.4 + 0.4 * np.sin(time * 9)) * 20000).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def feeling(label: EmotionLabel, cause: str | None = None) -> events.Emotion:
    return events.Emotion(
        turn=1,
        character="brynja",
        label=label,
        strength="strong",
        intensity=0.8,
        pad=(-0.5, 0.6, 0.2),
        mood=events.Mood(label="hostile", strength="slightly", pad=(-0.1, 0.2, 0.1)),
        relation=events.Relation(trust=-0.2, respect=0.4),
        cause=cause,
    )


def report(
    path: Path,
    *,
    text: str = "Steel holds, boy.",
    clauses: int = 2,
    seconds: float = 2.0,
    label: EmotionLabel = "anger",
) -> Path:
    """A report whose mouth is at rest for the first tenth of each clause, then takes one shape after the other."""
    span = seconds * 1000 / clauses
    story: list[events.Event] = [
        events.Heard(text=text, final=True, language="en"),
        events.TurnBegin(turn=1, character="brynja", reply_to=text),
        feeling(label, text),
    ]
    for clause in range(clauses):
        start = clause * span
        edges = np.linspace(start + span * 0.1, start + span, 9)
        names = [SHAPES[(clause * 8 + i) % 14 + 1] for i in range(8)]
        shapes = [(float(a), float(b), name, 1.0) for a, b, name in zip(edges, edges[1:], names, strict=False)]
        frames = ((start, float(edges[0]), "sil", 0.0), *shapes)
        if clause == 1:
            story.append(feeling("joy"))
        story += [
            events.Say(turn=1, clause=clause, text=text, start_ms=start, end_ms=start + span),
            events.Visemes(turn=1, clause=clause, set="oculus", timing="exact", frames=frames),
        ]
    story += [
        events.Narration(turn=1, text=text),
        events.Action(turn=1, id="a1", name=text, args={text: text, "price": 40}, target=text, needs_confirm=True),
        events.Notice(code="dropped", message=f"`{text}`", hint=text, turn=1),
        events.Error(code=text, message=text, hint=text, turn=1),
        events.TurnEnd(
            turn=1,
            reason="done",
            text=text,
            timings={"stt_ms": 120.0, "first_token_ms": 180.5, "first_audio_ms": 300.0, "total_ms": 4950.0},
            usage=events.Usage(model=text, prompt_tokens=812, completion_tokens=40, cost=0.002),
        ),
    ]
    write_report(
        path,
        messages=[events.to_wire(event, number) for number, event in enumerate(story)],
        audio=sound(seconds),
        character={"id": "brynja", "name": text, "summary": text},
        player_text=text,
        player_audio=sound(0.5),
        runtime_version="0.1.0",
    )
    return path


LIPS = "document.querySelector('#face .lips').getAttribute('d')"
INSIDE = "document.querySelector('#face .mouth-inside').getAttribute('opacity')"
POSITION = "Number(document.getElementById('wave').getAttribute('aria-valuenow'))"


def test_page_shows_the_turn_without_a_complaint(browser: Browser, tmp_path: Path) -> None:
    browser.open(report(tmp_path / "report.html"))
    assert browser.run("document.title") == "Steel holds, boy. – npc-runtime report"
    words = browser.run("[...document.querySelectorAll('#subtitle .word')].map((word) => word.textContent)")
    assert words == ["Steel", "holds,", "boy."] * 2
    assert browser.run("document.querySelectorAll('#visemes .cell').length") == 18
    assert browser.run("document.querySelector('#latency-body .key .num').textContent") == "300\u202fms"
    assert browser.run("document.querySelector('#emotion-body .label').textContent") == "Anger"
    assert browser.complaints() == []
    assert browser.addresses() <= {"file", "data"}


def test_complaints_are_noticed(browser: Browser, tmp_path: Path) -> None:
    page = report(tmp_path / "report.html")
    page.write_text(
        page.read_text(encoding="utf-8").replace("<main>", "<main><script>1</script><img src='https://127.0.0.1/x'>"),
        encoding="utf-8",
    )
    browser.open(page)
    texts = [event["params"]["entry"]["text"] for event in browser.complaints()]
    assert any("inline script" in text for text in texts)
    assert any("img-src" in text for text in texts)


def test_the_address_moves_the_mouth(browser: Browser, tmp_path: Path) -> None:
    page = report(tmp_path / "report.html")
    seen = {}
    for time in ("0.02", "0.15", "0.94", "1.20"):
        browser.open(page, f"#t={time}")
        seen[time] = browser.run(LIPS)
        assert browser.run(POSITION) == round(float(time) * 1000)
    assert len(set(seen.values())) == 4
    browser.run("location.hash = '#t=0.15'")
    browser.wait(f"{POSITION} === 150")
    assert browser.run(LIPS) == seen["0.15"]
    assert browser.run("document.querySelector('#subtitle .word.now').textContent") == "Steel"


def test_lips_meet_on_a_bilabial_and_open_on_a_vowel(browser: Browser, tmp_path: Path) -> None:
    page = report(tmp_path / "report.html", clauses=1, seconds=9.0)
    browser.open(page, "#t=1.3")
    assert browser.run("document.querySelector('#legend .now strong').textContent") == "PP"
    assert browser.run(INSIDE) == "0"
    browser.open(report(tmp_path / "second.html", clauses=2, seconds=9.0), "#t=5.7")
    assert browser.run("document.querySelector('#legend .now strong').textContent") == "aa"
    assert browser.run(INSIDE) == "1"


def test_emotion_follows_the_reply(browser: Browser, tmp_path: Path) -> None:
    page = report(tmp_path / "report.html")
    browser.open(page, "#t=0.5")
    brows = "document.querySelector('#face .brow').getAttribute('d')"
    angry = browser.run(brows)
    browser.open(page, "#t=1.5")
    assert browser.run("document.querySelector('#emotion-body .label').textContent") == "Joy"
    assert "feeling joy" in browser.run("document.getElementById('face').getAttribute('aria-label')")
    assert browser.run(brows) != angry


def test_play_runs_to_the_end_and_can_be_paused(browser: Browser, tmp_path: Path) -> None:
    browser.open(report(tmp_path / "report.html"))
    browser.run("document.getElementById('play').click()")
    assert browser.run("document.getElementById('play').getAttribute('aria-label')") == "Pause"
    browser.wait(f"{POSITION} > 300")
    browser.press(" ", 32)
    browser.wait("document.getElementById('play').getAttribute('aria-label') === 'Play'")
    halted = browser.run(POSITION)
    assert 300 < halted <= 2000
    browser.press(" ", 32)
    browser.wait(f"{POSITION} === 2000 && document.getElementById('play').getAttribute('aria-label') === 'Play'")
    assert browser.run("document.getElementById('sound-problem').hidden")
    assert browser.complaints() == []


def test_a_hasty_pause_and_play_keeps_playing(browser: Browser, tmp_path: Path) -> None:
    browser.open(report(tmp_path / "report.html"))
    browser.run("document.getElementById('play').click()")
    browser.wait(f"{POSITION} > 100")
    browser.run("for (let i = 0; i < 2; i++) document.getElementById('play').click()")
    browser.wait(f"{POSITION} === 2000")
    assert browser.run("document.getElementById('sound-problem').hidden")


def test_waveform_seeks_by_pointer_and_keyboard(browser: Browser, tmp_path: Path) -> None:
    browser.open(report(tmp_path / "report.html"))
    box = browser.run("JSON.parse(JSON.stringify(document.getElementById('wave').getBoundingClientRect()))")
    at = {"x": box["x"] + box["width"] / 4, "y": box["y"] + box["height"] / 2, "button": "left", "clickCount": 1}
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, **at)
    assert browser.run(POSITION) == pytest.approx(500, abs=10)
    browser.run("document.getElementById('wave').focus()")
    browser.press("ArrowRight", 39)
    assert browser.run(POSITION) == pytest.approx(750, abs=10)
    browser.press("End", 35)
    assert browser.run(POSITION) == 2000
    browser.press("Home", 36)
    assert browser.run(POSITION) == 0


def test_a_viseme_explains_itself(browser: Browser, tmp_path: Path) -> None:
    browser.open(report(tmp_path / "report.html"))
    box = browser.run(
        "JSON.parse(JSON.stringify(document.querySelectorAll('#visemes .cell')[1].getBoundingClientRect()))"
    )
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=box["x"] + box["width"] / 2, y=box["y"] + 20)
    browser.wait("!document.getElementById('tip').hidden")
    assert browser.run("document.querySelector('#tip strong').textContent") == "PP · p, b, m"


def test_hostile_text_stays_text(browser: Browser, tmp_path: Path) -> None:
    browser.open(report(tmp_path / "report.html", text=ATTACK), "#t=0.5")
    browser.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    browser.wait("[...document.querySelectorAll('#raw-list pre')].every((node) => node.textContent)")
    assert browser.run("document.getElementById('name').textContent") == ATTACK
    shown = browser.run("[...document.querySelectorAll('#raw-list pre')].map((node) => JSON.parse(node.textContent))")
    assert shown == browser.run("JSON.parse(document.getElementById('data').textContent).messages")
    assert browser.run("document.querySelectorAll('img, [onerror], [onload]').length") == 0
    assert browser.run("document.querySelectorAll('script').length") == 2
    assert browser.complaints() == []
    assert browser.addresses() <= {"file", "data"}


FULL = "Die Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverordnungsänderung שלום עולם 🗡️🔥 " + "x" * 150


@pytest.mark.parametrize("width", [360, 768, 1600])
@pytest.mark.parametrize("text", ["Steel holds.", FULL, "مرحبا بك في الحدادة", ATTACK])
def test_nothing_sticks_out_sideways(browser: Browser, tmp_path: Path, width: int, text: str) -> None:
    page = report(tmp_path / "report.html", text=text, clauses=12, seconds=60.0)
    browser.open(page, "#t=31.4", width=width, dark=width == 360)
    root = "document.documentElement"
    assert browser.run(f"{root}.scrollWidth - {root}.clientWidth") == 0
    sticking = browser.run(
        "[...document.querySelectorAll('main > *, .card > *, .telling > *, .grid *:not(pre)')].filter((node) => "
        "node.getBoundingClientRect().right > innerWidth + 1 && !node.closest('.strip')).map((node) => node.className)"
    )
    assert sticking == []
    assert browser.run("document.getElementById('strip').scrollLeft") > 0
    holder, word = "document.getElementById('subtitle')", "document.querySelector('#subtitle .now .now')"
    assert browser.run(f"{word}.getBoundingClientRect().top < {holder}.getBoundingClientRect().bottom - 10")
    assert browser.run(f"{word}.getBoundingClientRect().bottom > {holder}.getBoundingClientRect().top + 10")
    assert browser.complaints() == []


def test_a_failed_turn_without_sound_reads_well(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    failed: list[events.Event] = [
        events.Heard(text="Hello?", final=True, language="en"),
        events.TurnBegin(turn=1, character="brynja", reply_to="Hello?"),
        events.Error(code="engine", message="The model stopped answering.", hint="Start it again.", turn=1),
        events.TurnEnd(turn=1, reason="failed", text="", timings={}),
    ]
    write_report(
        page,
        messages=[events.to_wire(event, number) for number, event in enumerate(failed)],
        audio=b"",
        character={"id": "brynja", "name": "Brynja", "summary": ""},
        player_text="Hello?",
        player_audio=None,
        runtime_version="0.1.0",
    )
    browser.open(page)
    assert browser.run("document.getElementById('headline').innerText") == (
        "This turn failed. The model stopped answering."
    )
    assert browser.run("document.getElementById('outcome').innerText") == "Failed"
    assert browser.run("document.getElementById('timeline').hidden")
    assert browser.run("document.getElementById('player-play').hidden")
    assert "Start it again." in browser.run("document.getElementById('remarks').innerText")
    assert browser.complaints() == []


# Every text on the page against the nearest ground behind it, by the formula of WCAG 2.2 (relative luminance).
CONTRAST = """
(() => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    // The names of the shapes stand on their coloured bars, which are siblings.
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility() || node.matches("noscript *")) continue;
    const behind = ground(node.matches(".cell b") ? node.previousSibling : node);
    const [a, b] = [light(rgba(getComputedStyle(node).color)), light(behind)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${node.className || node.tagName} ${ratio.toFixed(2)}`);
  }
  return [...new Set(poor)];
})()
"""


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_has_enough_contrast(browser: Browser, tmp_path: Path, dark: bool) -> None:
    for label in EMOTION_LABELS:
        page = report(tmp_path / f"{label}.html", label=label, text="Steel `holds`.")
        browser.open(page, "#t=0.5", dark=dark)
        assert browser.run(CONTRAST) == [], label


def test_every_label_has_its_own_face(browser: Browser, tmp_path: Path) -> None:
    parts = (
        "[...document.querySelectorAll('#face .brow, #face .lips, #face .eye-white')]"
        ".map((node) => node.getAttribute('d'))"
    )
    faces = set()
    for label in EMOTION_LABELS:
        browser.open(report(tmp_path / f"{label}.html", label=label), "#t=0.02")
        faces.add(str(browser.run(parts)))
    assert len(faces) == len(EMOTION_LABELS)
