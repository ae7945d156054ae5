"""Everything a character can do, in a real server: it happens, and the runtime is told how it went."""

import math
import time
from collections.abc import Iterator

import pytest
from tests.games._luanti import distance
from tests.games._scripted import act, feeling
from tests.games.conftest import Stage

from npc_runtime.events import EmotionLabel, Event, Strength
from npc_runtime.server.protocol import ActionConfirm, ActionResult


@pytest.fixture(autouse=True)
def together(stage: Stage) -> Iterator[None]:
    """Every test begins with Ann in front of a Tilda who stands still."""
    stage.place()
    stage.order("hp", 20)
    stage.order("have", "npc_test:coin", 0)
    stage.order("stock", "tilda", "npc_test:apple", 5)
    stage.session.forget()
    stage.ann.forms.clear()
    yield


def ask(stage: Stage, line: str, *reply: Event | str) -> None:
    stage.script.replies[line] = reply
    stage.ann.say(line)


def outcome(stage: Stage) -> tuple[str, str]:
    """How the one action that was asked for went."""
    stage.world.until(lambda: stage.session.all(ActionResult), "no result came")
    (result,) = stage.session.all(ActionResult)
    return result.status, result.message or ""


def things(stage: Stage) -> dict[str, float]:
    found: dict[str, float] = stage.world.player("Ann")["things"] or {}
    return found


def goods(stage: Stage) -> dict[str, float]:
    found: dict[str, float] = stage.world.person("tilda")["goods"] or {}
    return found


def test_words_appear_above_the_head_and_in_the_chat_and_go_again(stage: Stage) -> None:
    since = time.monotonic()
    ask(stage, "Grüß dich!", "Grüß Gott, Ann.", "Schön, dass du da bist, bei diesem Wetter und um diese Zeit.")
    stage.ann.read("<Tilda Märsch> Grüß Gott, Ann.", since=since)
    stage.world.until(lambda: "Grüß Gott" in stage.world.person("tilda")["nametag"], "no subtitle")
    first, *lines = stage.world.person("tilda")["nametag"].split("\n")
    assert first == "Tilda Märsch"
    assert len(lines) >= 2 and all(len(line) <= 32 for line in lines)
    assert " ".join(lines) == "Grüß Gott, Ann. Schön, dass du da bist, bei diesem Wetter und um diese Zeit."
    stage.world.until(lambda: stage.world.person("tilda")["nametag"] == "Tilda Märsch", "the subtitle stays")


def test_a_character_turns_to_who_speaks(stage: Stage) -> None:
    stage.order("go", 2, 8.5, 2)
    ask(stage, "Look at me.", "I do.")
    # Yaw 0 looks along z; Ann stands towards +x: a quarter turn to the right.
    stage.world.until(lambda: abs(math.cos(stage.world.person("tilda")["yaw"])) < 0.1, "she does not turn")
    assert math.sin(stage.world.person("tilda")["yaw"]) < 0


FEELINGS: tuple[tuple[EmotionLabel, Strength, str], ...] = (
    ("anger", "strong", "angry"),
    ("sadness", "normal", "sad"),
    ("affection", "weak", "happy"),
    ("tension", "strong", "afraid"),
    ("surprise", "normal", "surprised"),
    ("neutral", "normal", "neutral"),
)


@pytest.mark.parametrize(("label", "strength", "face"), FEELINGS)
def test_a_feeling_changes_face_and_skin(stage: Stage, label: EmotionLabel, strength: Strength, face: str) -> None:
    ask(stage, f"Feel {label}.", feeling("tilda", label, strength), "Hm.")
    stage.world.until(lambda: f"face_{face}" in stage.world.person("tilda")["texture"], "another face")
    assert ("colorize" in stage.world.person("tilda")["texture"]) == (strength == "strong")


def test_follows_and_stops(stage: Stage) -> None:
    ask(stage, "Follow me.", "Yes.", act("follow_player"))
    assert outcome(stage)[0] == "done"
    stage.order("go", 14, 8.5, 0)
    stage.world.until(
        lambda: distance(stage.world.person("tilda"), stage.world.player("Ann")) < 3.5, "she does not follow"
    )
    stage.session.forget()
    ask(stage, "Stay here.", "Yes.", act("stop_following"))
    assert outcome(stage)[0] == "done"
    stage.order("go", 24, 8.5, 0)
    stage.world.until(lambda: stage.world.person("tilda")["speed"] == 0, "she does not stop")
    time.sleep(1.0)
    assert stage.world.person("tilda")["pos"]["x"] < 14
    assert stage.world.person("tilda")["doing"] == "nothing"


def test_finds_a_way_around_a_wall(stage: Stage) -> None:
    stage.order("wall", 4, -4, 4, 3)
    try:
        ask(stage, "Come along.", "Yes.", act("follow_player"))
        assert outcome(stage)[0] == "done"
        stage.order("go", 8, 8.5, 0)
        stage.world.until(
            lambda: distance(stage.world.person("tilda"), stage.world.player("Ann")) < 3.5, "the wall is too much"
        )
    finally:
        stage.order("wall", 4, -4, 4, 0)


def test_gives_what_it_has(stage: Stage) -> None:
    ask(stage, "Two apples, please.", "Here.", act("give_item", item="npc_test:apple", count=2))
    assert outcome(stage) == ("done", "Ann got 2 × Apple.")
    stage.world.until(lambda: things(stage) == {"npc_test:apple": 2}, "no apples came")
    assert goods(stage) == {"npc_test:apple": 3}


def test_gives_what_the_words_name_where_the_action_does_not(stage: Stage) -> None:
    stage.order("stock", "tilda", "npc_test:bread", 4)
    ask(stage, "May I have a BRÖTCHEN?", "Here.", act("give_item"))
    assert outcome(stage) == ("done", "Ann got Brötchen.")
    stage.world.until(lambda: things(stage) == {"npc_test:bread": 1}, "no bread came")


def test_cannot_give_what_it_does_not_have(stage: Stage) -> None:
    ask(stage, "A sword!", "Here.", act("give_item", item="npc_test:sword"))
    assert outcome(stage) == ("failed", "Tilda Märsch does not have that.")
    assert goods(stage) == {"npc_test:apple": 5}


def test_cannot_give_to_full_hands(stage: Stage) -> None:
    stage.order("full", "npc_test:coin")
    ask(stage, "An apple!", "Here.", act("give_item", item="npc_test:apple"))
    assert outcome(stage) == ("failed", "Ann cannot carry more.")
    assert goods(stage) == {"npc_test:apple": 5}


def test_what_fits_no_stack_is_not_lost(stage: Stage) -> None:
    stage.order("full", "npc_test:coin", "npc_test:apple")
    stage.order("stock", "tilda", "npc_test:apple", 1, "golden")
    ask(stage, "That apple!", "Here.", act("give_item", item="npc_test:apple"))
    assert outcome(stage) == ("failed", "Ann cannot carry more.")
    assert goods(stage) == {"npc_test:apple": 1}
    assert things(stage)["npc_test:apple"] == 3


def test_takes_only_what_the_player_hands_over(stage: Stage) -> None:
    stage.order("have", "npc_test:coin", 3)
    ask(stage, "Take coins.", "Thanks.", act("take_item", item="npc_test:coin", count=2))
    assert "2 × Coin" in stage.ann.window("npc_runtime:consent")
    assert not stage.session.all(ActionResult)
    assert things(stage) == {"npc_test:coin": 3}
    stage.ann.answer("npc_runtime:consent", yes="Yes", quit="true")
    assert outcome(stage) == ("done", "Tilda Märsch got 2 × Coin.")
    stage.world.until(lambda: things(stage) == {"npc_test:coin": 1}, "the coins are still there")
    assert goods(stage)["npc_test:coin"] == 2


def test_a_player_may_keep_it(stage: Stage) -> None:
    stage.order("have", "npc_test:coin", 3)
    ask(stage, "Take a coin.", "Thanks.", act("take_item", item="npc_test:coin"))
    stage.ann.window("npc_runtime:consent")
    stage.ann.answer("npc_runtime:consent", no="No", quit="true")
    assert outcome(stage) == ("refused", "Ann keeps it.")
    assert things(stage) == {"npc_test:coin": 3}


def test_cannot_take_what_the_player_does_not_have(stage: Stage) -> None:
    ask(stage, "Take my sword.", "Thanks.", act("take_item", item="npc_test:sword"))
    assert outcome(stage) == ("failed", "Ann does not have that.")
    assert not stage.ann.forms


def test_what_is_gone_when_the_player_agrees_is_not_taken(stage: Stage) -> None:
    stage.order("have", "npc_test:coin", 1)
    ask(stage, "Take this.", "Thanks.", act("take_item", item="npc_test:coin"))
    stage.ann.window("npc_runtime:consent")
    stage.order("have", "npc_test:coin", 0)
    stage.world.until(lambda: not things(stage), "the coin stays")
    stage.ann.answer("npc_runtime:consent", yes="Yes", quit="true")
    assert outcome(stage) == ("failed", "Ann does not have it any more.")


def test_trades_one_for_one(stage: Stage) -> None:
    stage.order("have", "npc_test:coin", 2)
    ask(stage, "Show me your wares.", "Look.", act("open_trade"))
    assert outcome(stage)[0] == "done"
    content = stage.ann.window("npc_runtime:trade")
    assert "Tilda Märsch sells" in content and "npc_test:apple" in content and "Coin" in content
    stage.ann.answer("npc_runtime:trade", buy_1="")
    stage.world.until(lambda: things(stage) == {"npc_test:coin": 1, "npc_test:apple": 1}, "nothing was bought")
    assert goods(stage) == {"npc_test:apple": 4, "npc_test:coin": 1}
    stage.world.until(
        lambda: any(getattr(m, "name", "") == "bought" for m in stage.session.got), "the runtime is not told"
    )


def test_nothing_left_is_no_trade(stage: Stage) -> None:
    stage.order("stock", "tilda")
    ask(stage, "Wares?", "Look.", act("open_trade"))
    assert outcome(stage) == ("failed", "Tilda Märsch has nothing left to sell.")


def test_flees(stage: Stage) -> None:
    ask(stage, "Boo!", "Help!", act("flee"))
    assert outcome(stage)[0] == "done"
    stage.world.until(lambda: distance(stage.world.person("tilda"), stage.world.player("Ann")) > 12, "she does not run")
    stage.world.until(lambda: stage.world.person("tilda")["doing"] == "nothing", "she runs for ever")


def test_attacks_and_hurts(stage: Stage) -> None:
    ask(stage, "Fight me.", "Gladly.", act("attack"))
    assert outcome(stage)[0] == "done"
    stage.world.until(lambda: stage.world.player("Ann")["hp"] <= 16, "nobody is hurt")
    ask(stage, "Enough.", "Fine.", act("stop_following"))
    stage.world.until(lambda: len(stage.session.all(ActionResult)) == 2, "the fight goes on")
    assert stage.world.person("tilda")["doing"] == "nothing"


def test_an_attack_that_asks_is_allowed_where_damage_is_on_and_done_only_then(stage: Stage) -> None:
    ask(stage, "Draw.", "Gladly.", act("attack", asks=True))
    stage.world.until(lambda: stage.session.all(ActionConfirm), "no answer came")
    (confirmed,) = stage.session.all(ActionConfirm)
    assert confirmed.allow
    assert not stage.session.all(ActionResult)
    assert stage.world.person("tilda")["doing"] == "nothing"


def test_what_else_asks_is_for_the_player_to_say(stage: Stage) -> None:
    ask(stage, "Join me.", "May I?", act("follow_player", asks=True))
    assert "follow player" in stage.ann.window("npc_runtime:consent")
    stage.ann.answer("npc_runtime:consent", no="No", quit="true")
    stage.world.until(lambda: stage.session.all(ActionConfirm), "no answer came")
    (confirmed,) = stage.session.all(ActionConfirm)
    assert not confirmed.allow


def test_an_action_that_comes_twice_is_done_once(stage: Stage) -> None:
    twice = act("give_item", id="same", item="npc_test:apple")
    ask(stage, "Apple, apple.", "Here.", twice, twice, "That is all.")
    stage.ann.read("That is all.")
    assert outcome(stage)[0] == "done"
    time.sleep(0.5)
    assert things(stage) == {"npc_test:apple": 1}


def test_what_the_game_does_not_know_fails(stage: Stage) -> None:
    ask(stage, "Fly.", "I try.", act("fly_away"))
    assert outcome(stage) == ("failed", "This game does not know the action fly_away.")


def test_a_blow_is_told(stage: Stage) -> None:
    stage.script.replies["struck"] = ("Ow!", act("flee"))
    stage.order("punch", "tilda")
    stage.ann.read("<Tilda Märsch> Ow!")
    assert outcome(stage)[0] == "done"
