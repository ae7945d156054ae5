"""What the mod tells the runtime of the world, whom it takes a line for, and what is there again after a restart."""

import time
from pathlib import Path

import pytest
from tests.games._luanti import World
from tests.games._player import Player
from tests.games._scripted import Script
from tests.games.conftest import Stage

from npc_runtime.server.protocol import PlayerText, Save, SetScene, TalkStart, TalkStop, UpdateScene


@pytest.fixture(autouse=True)
def together(stage: Stage) -> None:
    stage.place()
    stage.order("have", "npc_test:coin", 0)
    stage.order("stock", "tilda", "npc_test:apple", 5)
    stage.world.until(lambda: "time" in stage.session.scene(), "no scene is told")
    known = hour(stage)
    stage.order("time", 0.25 if known != 6 else 0.375)
    stage.world.until(lambda: hour(stage) != known, "the time is not told")  # and with it what changed before


def hour(stage: Stage) -> float:
    """The time of day that was told."""
    return float(stage.session.scene()["time"] % 86400 / 3600)


def tags(stage: Stage) -> dict[str, tuple[str, ...]]:
    return {entity.id: entity.tags for entity in stage.session.scene()["entities"]}


def test_a_scene_tells_place_time_light_and_who_is_near(stage: Stage) -> None:
    scene = stage.session.scene()
    assert scene["location"] == "green meadow around 0, 8, 0"
    assert (hour(stage), scene["facts"][0]) in ((6, "It is early morning."), (9, "It is morning."))
    assert "Ann holds nothing." in scene["facts"]
    (tilda,) = scene["characters"]
    assert (tilda.id, tilda.name, tilda.can_hear) == ("tilda", "Tilda Märsch", True)
    assert tags(stage) == {"npc_test:apple": ("goods",)}


def test_only_what_changes_is_told(stage: Stage) -> None:
    stage.session.forget()
    time.sleep(5.0)  # more than two looks of the mod
    assert not stage.session.all(UpdateScene) and not stage.session.all(SetScene)
    stage.order("time", 0.9)
    stage.world.until(lambda: stage.session.all(UpdateScene), "the time is not told")
    (update,) = stage.session.all(UpdateScene)
    assert update.model_fields_set == {"type", "time", "facts"}
    assert update.time is not None and update.time % 86400 == pytest.approx(0.9 * 86400, abs=600)
    assert update.facts is not None and "It is night." in update.facts


def test_what_is_held_and_owned_is_told_by_who_has_it(stage: Stage) -> None:
    stage.order("have", "npc_test:bread", 3)
    stage.world.until(lambda: "npc_test:bread" in tags(stage), "the bread is not told")
    assert set(tags(stage)["npc_test:bread"]) == {"wielded", "held"}
    assert "Ann holds Brötchen." in stage.session.scene()["facts"]
    stage.order("stock", "tilda")
    stage.order("have", "npc_test:bread", 0)
    stage.world.until(lambda: not tags(stage), "an empty list is not told")


def test_creatures_and_other_players_are_told_with_their_distance(stage: Stage) -> None:
    stage.order("sheep")
    stage.world.until(lambda: "sheep nearby" in tags(stage), "the sheep is not told")
    with Player("Bob", stage.world.port):
        stage.world.until(
            lambda: any(one.id == "player:Bob" for one in stage.session.scene()["characters"]), "Bob is not told"
        )
        bob = next(one for one in stage.session.scene()["characters"] if one.id == "player:Bob")
        assert bob.name == "Bob" and bob.distance == 2


def test_somebody_who_is_hurt_is_seen_to_be(stage: Stage) -> None:
    stage.order("hp", 5)
    stage.world.until(lambda: "Ann is badly hurt." in stage.session.scene()["facts"], "nobody sees it")
    stage.order("hp", 20)


def test_who_comes_near_is_turned_to_and_who_goes_is_left(stage: Stage) -> None:
    stage.order("go", 0, 8.5, -40)
    stage.world.until(lambda: stage.session.all(TalkStop), "she is not left")
    stage.session.forget()
    stage.order("go", 0, 8.5, 0)
    stage.world.until(lambda: stage.session.all(TalkStart), "she is not turned to")
    assert [message.character for message in stage.session.all(TalkStart)] == ["tilda"]


def test_a_line_is_for_the_one_who_is_called_or_else_the_nearest(stage: Stage) -> None:
    stage.order("go", 6, 8.5, 0)
    stage.ann.say("/npc_spawn corwin")
    stage.world.until(
        lambda: any(message.character == "corwin" for message in stage.session.all(TalkStart)), "he is not turned to"
    )
    stage.session.forget()
    stage.order("go", 0, 8.5, 0)
    stage.world.until(lambda: stage.session.all(TalkStart), "nobody is turned to")
    for line in ("Good morning.", "Corwin, are you awake?", "TILDA MÄRSCH!"):
        stage.ann.say(line)
    stage.world.until(lambda: len(stage.session.all(PlayerText)) == 3, "not everything was sent")
    assert [message.to for message in stage.session.all(PlayerText)] == ["tilda", "corwin", "tilda"]
    stage.order("go", 0, 8.5, -60)
    stage.ann.say("Is anybody here?")
    time.sleep(0.5)
    assert len(stage.session.all(PlayerText)) == 3
    stage.order("go", 6, 8.5, 0)
    stage.order("look", 0)
    stage.ann.say("/npc_remove")
    stage.world.until(lambda: not stage.world.person("corwin"), "he does not go")


def test_characters_and_what_they_remember_come_back_with_the_world(script: Script, tmp_path: Path) -> None:
    world = World(tmp_path, script.url, npc_runtime__save_seconds=5)
    script.replies["Hello."] = ("Good day.",)
    with script.running():
        with world.running(), Player("Ann", world.port) as ann:
            world.until(lambda: world.player("Ann"), "Ann is not there")
            ann.say("/npc_spawn tilda")
            world.until(lambda: world.person("tilda"), "nobody was placed")
            world.order(ann, "stock", "tilda", "npc_test:bread", 2)
            ann.say("Hello.")
            ann.read("<Tilda Märsch> Good day.")
            before = world.person("tilda")
            first = script.of("Ann")
            world.until(lambda: first.all(Save), "nothing is saved while the game runs")
            for _ in range(2):  # the mod has seen the end of the first turn when the second has words
                ann.read("<Tilda Märsch> Good day.", since=ann.say("Hello."))
        assert first.hello.save is None, "there was nothing to go back to"
        lines = [index for index, message in enumerate(first.got) if isinstance(message, PlayerText)]
        assert any(isinstance(message, Save) for message in first.got[lines[-2] :]), "what came last is not saved"
        with world.running(), Player("Bob", world.port) as bob:
            world.until(lambda: world.person("tilda"), "she is not there again")
            after = world.person("tilda")
            assert after["goods"] == before["goods"] == {"npc_test:bread": 2}
            assert after["pos"] == pytest.approx(before["pos"], abs=0.1)
            bob.say("Hello.")
            bob.read("<Tilda Märsch> Good day.")
            second = script.of("Bob")
            assert second.hello.save == first.all(Save)[0].slot == "world"
            assert second.hello.client.name == first.hello.client.name
            assert "world" in second.hello.client.name
            with Player("Cid", world.port) as cid:
                world.until(lambda: any(s.hello.player.id == "Cid" for s in script.sessions), "Cid has no session")
                assert script.of("Cid").hello.save is None, "what was lived through since would be forgotten"
                cid.say("/npc_remove")
                cid.read("Tilda Märsch is gone.")
    with world.running(), Player("Dan", world.port):
        world.until(lambda: world.player("Dan"), "Dan is not there")
        time.sleep(1.0)
        assert not world.person("tilda")
