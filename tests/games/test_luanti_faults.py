"""What goes wrong around the mod: the server goes on, and players are told what they can do about it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.games._luanti import World
from tests.games._player import Player
from tests.games._scripted import Script, act

from npc_runtime.server.protocol import ActionResult, GameEvent, PlayerText, SetScene
from npc_runtime.server.refusals import NoPlaceError


@contextmanager
def ann_and_tilda(world: World) -> Iterator[Player]:
    with world.running(), Player("Ann", world.port) as ann:
        world.until(lambda: world.player("Ann"), "Ann is not there")
        ann.say("/npc_spawn tilda")
        world.until(lambda: world.person("tilda"), "nobody was placed")
        yield ann


def complaints(player: Player, part: str) -> int:
    return sum(part in line for _, line in player.chat)


def test_without_the_runtime_players_are_told_once_and_answered_when_it_runs(script: Script, tmp_path: Path) -> None:
    script.replies["Hello."] = ("Good day.",)
    world = World(tmp_path, script.url)
    with ann_and_tilda(world) as ann:
        for _ in range(3):
            ann.say("Hello.")
            time.sleep(1.0)
        ann.read("npc-runtime is not running")
        assert complaints(ann, "not running") == 1
        with script.running():
            world.until(lambda: script.sessions, "nobody tries again", within=40)
            since = ann.say("Hello.")
            ann.read("<Tilda Märsch> Good day.", since=since)
            world.until(lambda: world.person("tilda")["nametag"] == "Tilda Märsch\nGood day.", "no subtitle")


def test_a_runtime_that_is_started_again_goes_on(script: Script, tmp_path: Path) -> None:
    script.replies["Hello."] = ("Good day.",)
    world = World(tmp_path, script.url)
    with ann_and_tilda(world) as ann:
        with script.running():
            ann.say("Hello.")
            ann.read("<Tilda Märsch> Good day.")
        assert len(script.sessions) == 1
        with script.running():
            since = ann.say("Hello.")
            ann.read("<Tilda Märsch> Good day.", since=since, within=30)
            again = script.of("Ann")
            assert again is not script.sessions[0]
            assert again.hello.save is None
            kinds = [type(message) for message in again.got]
            assert kinds.index(SetScene) < kinds.index(PlayerText), "the scene is told again, and first"


def test_a_runtime_that_does_not_know_results_does_no_harm(script: Script, tmp_path: Path) -> None:
    script.understands = False
    script.replies["Follow me."] = ("Yes.", act("follow_player"), act("attack", asks=True))
    script.replies["Hello."] = ("Good day.",)
    world = World(tmp_path, script.url)
    with script.running(), ann_and_tilda(world) as ann:
        ann.say("Follow me.")
        world.until(lambda: world.person("tilda")["doing"] == "follow", "she does not follow")
        ann.say("Hello.")
        ann.read("<Tilda Märsch> Good day.")
        assert len(script.sessions) == 1
        assert len(script.of("Ann").all(ActionResult)) == 1


def test_a_player_who_leaves_in_the_middle_is_let_go(script: Script, tmp_path: Path) -> None:
    script.replies["Follow me."] = ("Yes.", act("follow_player"))
    script.replies["Take it."] = ("Thanks.", act("take_item", item="npc_test:coin"))
    script.replies["Hello."] = ("Good day.",)
    world = World(tmp_path, script.url)
    with script.running(), ann_and_tilda(world) as ann:
        world.order(ann, "have", "npc_test:coin", 1)
        with Player("Bob", world.port) as bob:
            world.until(lambda: world.player("Bob"), "Bob is not there")
            world.order(bob, "have", "npc_test:coin", 1)
            bob.say("Follow me.")
            world.until(lambda: world.person("tilda")["doing"] == "follow", "she does not follow")
            bob.say("Take it.")
            bob.window("npc_runtime:consent")
        session = script.of("Bob")
        world.until(lambda: session.over, "his session is not ended")
        world.until(lambda: world.person("tilda")["doing"] == "nothing", "she follows nobody")
        assert not (world.person("tilda")["goods"] or {}).get("npc_test:coin", 0) > 5
        since = ann.say("Hello.")
        ann.read("<Tilda Märsch> Good day.", since=since)


def test_two_players_have_a_session_each_and_share_the_character(script: Script, tmp_path: Path) -> None:
    script.replies["From Ann."] = ("For Ann.", act("give_item", item="npc_test:apple"))
    script.replies["From Bob."] = ("For Bob.", act("give_item", item="npc_test:bread"))
    world = World(tmp_path, script.url)
    with script.running(), ann_and_tilda(world) as ann, Player("Bob", world.port) as bob:
        world.until(lambda: world.player("Bob"), "Bob is not there")
        ann.say("From Ann.")
        bob.say("From Bob.")
        for player in (ann, bob):  # both stand near enough to hear everything
            player.read("<Tilda Märsch> For Ann.")
            player.read("<Tilda Märsch> For Bob.")
        world.until(lambda: (world.player("Ann")["things"] or {}) == {"npc_test:apple": 1}, "Ann got something else")
        world.until(lambda: (world.player("Bob")["things"] or {}) == {"npc_test:bread": 1}, "Bob got something else")
        assert [m.text for m in script.of("Ann").all(PlayerText)] == ["From Ann."]
        assert [m.text for m in script.of("Bob").all(PlayerText)] == ["From Bob."]
        world.order(bob, "punch", "tilda")
        world.until(lambda: script.of("Bob").all(GameEvent), "the blow is not told")
        assert not script.of("Ann").all(GameEvent)


def test_a_token_that_is_missing_is_named(script: Script, tmp_path: Path) -> None:
    script.token = "secret"
    script.replies["Hello."] = ("Good day.",)
    world = World(tmp_path, script.url)
    with script.running(), ann_and_tilda(world) as ann:
        ann.say("Hello.")
        ann.read("npc_runtime.token")


def test_a_token_is_sent(script: Script, tmp_path: Path) -> None:
    script.token = "secret"
    script.replies["Hello."] = ("Good day.",)
    world = World(tmp_path, script.url, npc_runtime__token="secret")
    with script.running(), ann_and_tilda(world) as ann:
        ann.say("Hello.")
        ann.read("<Tilda Märsch> Good day.")


def test_a_full_runtime_is_named(script: Script, tmp_path: Path) -> None:
    script.refuse = NoPlaceError("Eight games play already.")
    world = World(tmp_path, script.url)
    with script.running(), ann_and_tilda(world) as ann:
        ann.say("Hello.")
        ann.read("Too many players talk")


def test_without_leave_to_use_the_network_players_are_told_how_to_give_it(tmp_path: Path) -> None:
    world = World(tmp_path, "http://127.0.0.1:9", allowed=False)
    with ann_and_tilda(world) as ann:
        ann.say("Hello.")
        ann.read("secure.http_mods")


def test_damage_that_is_switched_off_hurts_nobody(script: Script, tmp_path: Path) -> None:
    script.replies["Fight me."] = ("Gladly.", act("attack"))
    world = World(tmp_path, script.url, npc_runtime__damage="false")
    with script.running(), ann_and_tilda(world) as ann:
        ann.say("Fight me.")
        world.until(lambda: script.sessions and script.of("Ann").all(ActionResult), "no result came")
        (result,) = script.of("Ann").all(ActionResult)
        assert (result.status, result.message) == ("refused", "Nobody can be hurt in this world.")
        assert world.person("tilda")["doing"] == "nothing"


@pytest.mark.parametrize("game", ["devtest", "minetest_game"])
def test_works_in_games_that_people_play(script: Script, tmp_path: Path, game: str) -> None:
    script.replies["What is in your pack?"] = ("Look.", act("open_trade"))
    world = World(tmp_path, script.url, game=game)
    with script.running(), world.running(), Player("Ann", world.port) as ann:
        ann.read("*** Ann joined the game.")
        ann.say("/npc_spawn tilda")
        ann.read("Tilda Märsch is here.")
        ann.say("What is in your pack?")
        ann.read("<Tilda Märsch> Look.")
        assert "item_image_button" in ann.window("npc_runtime:trade"), "she owns nothing"


class _Nonsense(BaseHTTPRequestHandler):
    """Answers everything with what no runtime would say."""

    WELCOME = b'{"session": "s", "characters": [7, {"id": 3}], "seq": 0}'
    CHARACTERS = b'{"characters": [5, {"id": 5}, {"id": "tilda", "name": "Tilda"}]}'
    MESSAGES = (
        b'[7, null, {"type": "say", "seq": 1}, {"type": "say", "seq": 2, "turn": {}, "text": 5}, {"seq": "x"},'
        b'{"type": "turn.begin", "seq": 3}, {"type": "turn.begin", "seq": 4, "turn": 1, "character": 9},'
        b'{"type": "emotion", "seq": 5, "character": "tilda", "label": {}, "strength": 1},'
        b'{"type": "action", "seq": 6, "turn": 1, "id": null, "name": null, "args": 5},'
        b'{"type": "turn.end", "seq": 7}, {"type": "state", "seq": 8}]',
        b"<html>not what you wanted</html>",
        b"{",
        b"[" * 1000,
        b"",
    )
    asked = 0

    def do_GET(self) -> None:
        if self.path == "/v1/characters":
            return self._answer(200, self.CHARACTERS)
        type(self).asked += 1
        self._answer(200, self.MESSAGES[self.asked % len(self.MESSAGES)])

    def do_POST(self) -> None:
        self._answer(200, self.WELCOME)

    def _answer(self, code: int, body: bytes) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_nonsense_from_the_other_side_does_no_harm(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Nonsense)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        world = World(tmp_path, f"http://127.0.0.1:{server.server_port}")
        with world.running(), Player("Ann", world.port) as ann:
            world.until(lambda: world.player("Ann"), "Ann is not there")
            ann.say("/npc_spawn tilda")
            world.until(lambda: world.person("tilda"), "nobody was placed")
            ann.say("Hello.")
            asked = _Nonsense.asked
            world.until(lambda: _Nonsense.asked > asked + 12, "it has given up")
            world.order(ann, "hp", 20)  # the server still does what it is asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
