"""Who is addressed, and who overhears it."""

import pytest

from npc_runtime.content.character import CharacterFile, Persona
from npc_runtime.routing import Addressee, Attention, overhearing, route
from npc_runtime.scene import Presence, Scene


def someone(id: str, name: str, *aliases: str) -> CharacterFile:
    return CharacterFile(name=name, aliases=aliases, persona=Persona(summary="A villager.")).with_id(id)


EVERYONE = (
    someone("brynja", "Brynja Ironhand", "smith"),
    someone("thora", "Thora Vane", "captain"),
    someone("barnaby", "Barnaby Holt", "Holt"),
    someone("ming", "阿明"),
    someone("anna", "Анна"),
    someone("cigdem", "Çiğdem", "demirci"),
)
ALL_THERE = Scene(characters=tuple(Presence(one.id) for one in EVERYONE))
TO_THORA = Attention(turned_to="thora")


def meant(line: str, language: str = "en") -> str:
    """Who is meant, by someone who has turned to Thora."""
    found = route(line, EVERYONE, ALL_THERE, TO_THORA, language=language)
    assert found is not None
    assert (found.reason == "turned") == (found.id == "thora" and "hora" not in line)
    return found.id


@pytest.mark.parametrize(
    ("line", "language", "id"),
    [
        ("Brynja, can you mend my sword?", "en", "brynja"),
        ("Hello Brynja", "en", "brynja"),
        ("Good evening, Brynja Ironhand!", "en", "brynja"),
        ("What do you sell, smith?", "en", "brynja"),
        ("Tell me, Barnaby, who was here?", "en", "barnaby"),
        ("hey brynja what do you have", "en", "brynja"),
        ("brynja can you mend this", "en", "brynja"),
        ("Guten Morgen Brynja", "de-AT", "brynja"),
        ("Brynja kannst du das flicken", "de", "brynja"),
        ("Kannst du das flicken, Brynja?", "de", "brynja"),
        ("Merhaba Çiğdem", "tr", "cigdem"),
        ("Cigdem kılıcımı onarır mısın", "tr", "cigdem"),
        ("Ne satıyorsun, demirci?", "tr", "cigdem"),
        ("阿明，你好！", "zh", "ming"),
        ("Привет, Анна!", "ru", "anna"),
    ],
)
def test_a_name_that_is_called_wins(line: str, language: str, id: str) -> None:
    assert meant(line, language) == id


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("Where can I find Brynja?", "en"),
        ("Brynja is a thief.", "en"),
        ("Brynja can mend it.", "en"),
        ("Brynja's sword is sharp, and you know it.", "en"),
        ("Tell Brynja that I am late.", "en"),
        ("Brynja and Barnaby are here, do you see them?", "en"),
        ("Look, Brynja is coming.", "en"),
        ("Wo wohnt Brynja?", "de"),
        ("Brynjas Schwert kennst du?", "de"),
        ("Brynja'ya söyle, gelsin.", "tr"),
        ("Çiğdem nerede?", "tr"),
        ("阿明是谁？", "zh"),
        ("", "en"),
    ],
)
def test_a_name_that_is_spoken_of_does_not(line: str, language: str) -> None:
    assert meant(line, language) == "thora"


@pytest.mark.parametrize(
    ("heard", "id"),
    [
        ("Brinya, are you there?", "brynja"),
        ("Bryn ya, are you there?", "brynja"),
        ("Hello Barnabee!", "barnaby"),
        ("Barnabi, two ales please.", "barnaby"),
        ("Tora, open the gate.", "thora"),
        ("Hold, who goes there?", "thora"),
        ("Bring, and be quick.", "thora"),
        ("Swift, what do you say?", "thora"),
    ],
)
def test_names_are_recognised_as_they_are_misheard(heard: str, id: str) -> None:
    found = route(heard, EVERYONE, ALL_THERE, TO_THORA)
    assert found is not None
    assert found.id == id


def test_the_order_of_reasons() -> None:
    brynja = Presence("brynja", distance=6.0)
    thora = Presence("thora", distance=2.0)
    barnaby = Presence("barnaby", distance=4.0, looking_at_player=True)
    last = Attention(last="barnaby")

    def found(line: str, attention: Attention, *there: Presence, to: str | None = None) -> Addressee | None:
        return route(line, EVERYONE, Scene(characters=there), attention, to=to)

    assert found("Brynja!", TO_THORA, brynja, thora, to="barnaby") == Addressee("barnaby", "to")
    assert found("Brynja!", TO_THORA, brynja, thora) == Addressee("brynja", "name")
    assert found("Well?", Attention("brynja"), thora, barnaby) == Addressee("brynja", "turned")
    assert found("Well?", last, brynja, thora, barnaby) == Addressee("barnaby", "gaze")
    assert found("Well?", last, brynja, thora) == Addressee("thora", "distance")
    assert found("Well?", last, Presence("thora"), Presence("barnaby")) == Addressee("barnaby", "last")
    assert found("Well?", Attention(), Presence("thora")) == Addressee("thora", "only")
    assert found("Well?", Attention(), Presence("thora"), Presence("barnaby")) is None
    assert found("Well?", Attention(), Presence("a_stranger_without_a_file")) is None


def test_without_a_scene_everyone_can_be_called() -> None:
    assert route("Brynja!", EVERYONE, Scene(), Attention()) == Addressee("brynja", "name")
    assert route("Well?", EVERYONE, Scene(), Attention(last="thora")) == Addressee("thora", "last")


def test_who_is_away_or_cannot_hear_is_not_meant() -> None:
    scene = Scene(characters=(Presence("brynja", can_hear=False), Presence("barnaby")))
    assert route("Brynja, hello?", EVERYONE, scene, Attention()) == Addressee("barnaby", "only")
    assert route("Thora, hello?", EVERYONE, scene, Attention()) == Addressee("barnaby", "only")


def test_of_two_with_one_name_the_nearer_is_meant() -> None:
    guards = (someone("guard_a", "Guard"), someone("guard_b", "Guard"))
    scene = Scene(characters=(Presence("guard_a", distance=8.0), Presence("guard_b", distance=3.0)))
    assert route("Guard! Open up!", guards, scene, Attention()) == Addressee("guard_b", "name")
    assert route("Guard! Open up!", guards, scene, Attention("guard_a")) == Addressee("guard_a", "name")


def test_the_game_may_give_names() -> None:
    guards = (someone("guard_a", "Guard"), someone("guard_b", "Guard"))
    scene = Scene(characters=(Presence("guard_a", "Olaf"), Presence("guard_b", "Sven")))
    assert route("Sven, open the gate.", guards, scene, Attention()) == Addressee("guard_b", "name")


def test_a_very_long_line_is_read_at_both_ends() -> None:
    rambling = "and then the cart broke " * 5000
    assert route(f"{rambling}, Brynja?", EVERYONE, ALL_THERE, TO_THORA) == Addressee("brynja", "name")


def test_who_overhears() -> None:
    scene = Scene(
        characters=(
            Presence("brynja", distance=1.0),
            Presence("thora", distance=9.0),
            Presence("barnaby", distance=25.0),
            Presence("ansel"),
            Presence("deaf", distance=1.0, can_hear=False),
        )
    )
    assert overhearing(scene, None, ["brynja"]) == ("thora", "ansel")
    assert overhearing(scene, "thora", ["brynja"], within_m=30.0) == ("barnaby", "ansel")
