"""A real Minetest server with our mod in the smallest of games."""

import json
import math
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.games._player import Player

ROOT = Path(__file__).parents[2]
MOD = ROOT / "assets" / "games" / "luanti" / "npc_runtime"
CONTENT = ROOT / "assets" / "games" / "luanti" / "content"
_TEST_MOD = Path(__file__).parent / "luanti_test_mod"
_PATIENCE = 20.0
GROUND = 8.5
"""Where one stands in the flat world."""


def server_program() -> str | None:
    """The program, wherever the distribution puts it."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/games", "/usr/lib/minetest", "/usr/lib/luanti"))
    return shutil.which("minetestserver", path=path) or shutil.which("luantiserver", path=path)


class World:
    """A world in a folder, with a server that can be started again and again.

    Args:
        folder: Empty.
        url: Where the runtime is.
        settings: Of `minetest.conf`, besides the necessary ones.
        game: An installed game instead of the smallest one; there is no state to look at then.
        mod: Whether our mod is in it.
        allowed: Whether it may use the network.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        game: str = "",
        mod: bool = True,
        allowed: bool = True,
        **settings: object,
    ) -> None:
        self.path = folder / "world"
        self.port = _free_port()
        self.log = folder / "server.log"
        self._folder = folder
        self.path.mkdir()
        self._game = game
        if not game:
            shutil.copytree(_TEST_MOD, self.path / "game" / "mods" / "npc_test")
            (self.path / "game" / "game.conf").write_text("title = Test\n", encoding="utf-8")
        if mod:
            shutil.copytree(MOD, self.path / "worldmods" / "npc_runtime")
        kept = "".join(f"{what} = sqlite3\n" for what in ("backend", "auth_backend", "player_backend"))
        (self.path / "world.mt").write_text(f"gameid = {game or 'npc_test_game'}\n{kept}", encoding="utf-8")
        wanted: dict[str, object] = {
            "mg_name": "flat",
            "mg_flags": "nocaves,nodungeons,light,nodecorations,biomes",
            "fixed_map_seed": 1,
            "static_spawnpoint": f"(0,{GROUND},0)",
            "server_announce": "false",
            "time_speed": 0,
            "default_privs": "interact, shout, npc, settime",
            "chat_message_limit_per_10sec": 0,
            "npc_runtime.url": url,
            **({"secure.http_mods": "npc_runtime"} if allowed else {}),
            **{name.replace("__", "."): value for name, value in settings.items()},
        }
        text = "".join(f"{name} = {value}\n" for name, value in wanted.items())
        (folder / "server.conf").write_text(text, encoding="utf-8")

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        """The server; stopped as an administrator stops it."""
        program = server_program()
        assert program is not None
        self._read = len(self.log.read_text(encoding="utf-8", errors="replace")) if self.log.exists() else 0
        (self.path / "state.json").unlink(missing_ok=True)
        command: list[str | Path] = [program, "--world", self.path, "--port", str(self.port)]
        command += ["--config", self._folder / "server.conf", "--logfile", self._folder / "engine.log"]
        environ = os.environ | {"HOME": str(self._folder)}
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ)
        try:
            self.until(lambda: self._started() or process.poll() is not None, "the server does not start")
            assert process.poll() is None, self.tail()
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(_PATIENCE)
                finally:
                    process.kill()
        text = self.log.read_text(encoding="utf-8", errors="replace")
        assert "ServerError" not in text and "Assignment to undeclared" not in text, self.tail()
        assert process.returncode == 0, self.tail()

    def _started(self) -> bool:
        return "listening on" in self._since_start() and (bool(self._game) or self._state_file.exists())

    def _since_start(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[self._read :]

    @property
    def _state_file(self) -> Path:
        return self.path / "state.json"

    def state(self) -> dict[str, Any]:
        """The server's own state after its latest step."""
        found: dict[str, Any] = json.loads(self._state_file.read_text(encoding="utf-8"))
        return found

    def person(self, character: str) -> dict[str, Any]:
        """What the server knows of a character; empty if it is not there."""
        found: dict[str, Any] = (self.state().get("persons") or {}).get(character, {})
        return found

    def player(self, name: str) -> dict[str, Any]:
        """What the server knows of a player; empty if they are not there."""
        found: dict[str, Any] = (self.state().get("players") or {}).get(name, {})
        return found

    def order(self, player: Player, *words: object) -> None:
        """Have the test mod do something; when this returns, the state is newer than that."""
        before = self.state()["orders"]
        player.say("/t " + " ".join(map(str, words)))
        self.until(lambda: self.state()["orders"] > before, f"{words} is not done")

    def until(self, true: Callable[[], object], otherwise: str, *, within: float = _PATIENCE) -> None:
        """Wait for something that nobody announces."""
        deadline = time.monotonic() + within
        while not true():
            assert time.monotonic() < deadline, f"{otherwise}\n{self.tail()}"
            time.sleep(0.02)

    def tail(self) -> str:
        """The last lines of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]


def distance(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Nodes between two of whom the server knows."""
    return math.dist(*([float(of["pos"][axis]) for axis in "xyz"] for of in (one, other)))


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
