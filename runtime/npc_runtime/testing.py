"""A pytest plugin: say something to a character, as text or as a sound file, and assert on what comes back.

It is active wherever npc-runtime is installed::

    def test_the_smith_mends_swords(npc):
        reply = npc.hear("brynja", "player_line.wav", scene=npc.scene("scenes/smithy.yaml"), seed=1)
        assert reply.heard == "Brynja, can you mend my sword?"
        assert reply.actions[0].name == "repair_item"

The engines are real; they are loaded once for the whole run, and only when a test asks for `npc`. The content folder is
pytest's root folder, or the one that the ini option `npc_content` names.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from npc_runtime.events import Action, Emotion, Event, Heard, Notice, Say, SpeechAudio, TurnEnd, to_wire

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from npc_runtime.content.library import Library
    from npc_runtime.engines import Engines
    from npc_runtime.scene import Scene
    from npc_runtime.speech import Samples

E = TypeVar("E")


@dataclass(frozen=True)
class Reply:
    """All that came back from one thing said."""

    events: tuple[Event, ...]
    """In order, as the game would have received them."""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The same as the JSON objects of the protocol."""
        return [to_wire(event, seq) for seq, event in enumerate(self.events, start=1)]

    @property
    def heard(self) -> str:
        """What the player was heard to say; empty when nothing was said."""
        return "".join(event.text for event in self._all(Heard))

    @property
    def text(self) -> str:
        """What the character said."""
        return " ".join(event.text for event in self._all(Say))

    @property
    def actions(self) -> list[Action]:
        """What the character did."""
        return self._all(Action)

    @property
    def emotions(self) -> list[Emotion]:
        """What the character felt."""
        return self._all(Emotion)

    @property
    def notices(self) -> list[Notice]:
        """What a mod author should know."""
        return self._all(Notice)

    @property
    def end(self) -> TurnEnd | None:
        """How the turn ended; None when there was none, as nothing was said."""
        ends = self._all(TurnEnd)
        return ends[-1] if ends else None

    @cached_property
    def audio(self) -> "tuple[Samples, int]":
        """The sound of the reply: samples, shape (n,), and their rate in Hz."""
        import numpy as np

        pieces = self._all(SpeechAudio)
        pcm = np.frombuffer(b"".join(piece.pcm for piece in pieces), dtype="<i2")
        return pcm.astype(np.float32) / np.float32(32768), pieces[0].rate if pieces else 0

    def _all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


class Npc:
    """A player who can talk to the characters of a content folder; each test gets a new one."""

    def __init__(self, engines: "Engines", portal: "BlockingPortal", library: "Library") -> None:
        from npc_runtime.interview import Interview
        from npc_runtime.session import Session

        self._engines = engines
        self._portal = portal
        self._said: list[Event] = []
        self._session = Session(
            library, ears=engines.ears, mind=engines.mind, mouth=engines.mouth, emit=self._said.append
        )
        self._interview = Interview(self._session)

    def say(self, character: str, text: str, *, scene: "Scene | None" = None, seed: int | None = 1) -> Reply:
        """Say something to a character.

        Args:
            character: Id, name or alias.
            text: The player's words.
            scene: What is around.
            seed: Makes the reply repeatable; None for a new one each time.
        """
        self._set(scene, seed)
        return self._collect(lambda: self._portal.call(self._interview.say, character, text))

    def hear(
        self, character: str, audio: "str | Path | Samples", *, scene: "Scene | None" = None, seed: int | None = 1
    ) -> Reply:
        """Speak to a character.

        Args:
            character: Id, name or alias.
            audio: A sound file, or samples at 16 kHz.
            scene: What is around.
            seed: Makes the reply repeatable; None for a new one each time.
        """
        from npc_runtime.stt.audio_file import read_audio

        samples = read_audio(Path(audio)) if isinstance(audio, str | Path) else audio
        self._set(scene, seed)
        return self._collect(lambda: self._portal.call(self._interview.hear, character, samples))

    def transcribe(self, audio: "str | Path | Samples | tuple[Samples, int]", *, language: str = "en") -> str:
        """What speech-to-text makes of a sound: to check that a reply is speech.

        Args:
            audio: A sound file, samples at 16 kHz, or samples with their rate.
            language: What is spoken.
        """
        import soxr

        from npc_runtime.stt.audio_file import read_audio

        if isinstance(audio, tuple):
            samples: Samples = soxr.resample(audio[0], audio[1], 16_000)
        else:
            samples = read_audio(Path(audio)) if isinstance(audio, str | Path) else audio
        heard = self._portal.call(self._hear, samples, language)
        return str(heard.text)

    @staticmethod
    def scene(path: str | Path) -> "Scene":
        """Read a scene file."""
        from npc_runtime.content.scenes import load_scene

        return load_scene(Path(path))

    async def _hear(self, samples: "Samples", language: str) -> Any:
        return await self._engines.ears.hear(samples, language=language, hotwords=())

    def _set(self, scene: "Scene | None", seed: int | None) -> None:
        self._session.seed = seed
        if scene is not None:
            self._session.scene = scene

    def _collect(self, run: Any) -> Reply:
        self._said.clear()
        run()
        return Reply(tuple(self._said))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option."""
    parser.addini("npc_content", "Content folder of the characters under test.", default="")


@pytest.fixture(scope="session")
def npc_engines(request: pytest.FixtureRequest) -> "Iterator[tuple[Engines, BlockingPortal, Library]]":
    """The engines and characters of the whole run."""
    from anyio.from_thread import start_blocking_portal

    from npc_runtime.config import load
    from npc_runtime.content.library import Library
    from npc_runtime.engines import running
    from npc_runtime.resources import bundled

    folder = request.config.rootpath / str(request.config.getini("npc_content"))
    settings = load(folder)
    library = Library.load([folder, bundled()])
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        characters: Sequence[Any] = library.characters()
        engines = stack.enter_context(portal.wrap_async_context_manager(running(settings, characters[:1])))
        yield engines, portal, library


@pytest.fixture
def npc(npc_engines: "tuple[Engines, BlockingPortal, Library]") -> Npc:
    """A player who can talk to the characters."""
    engines, portal, library = npc_engines
    return Npc(engines, portal, library)
