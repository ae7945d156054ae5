"""Tags, broken roles and stage directions as models write them that think in German or Turkish."""

import pytest

from npc_runtime.llm.labels import known_label, nearest_label, strength_of
from npc_runtime.llm.parser import ReplyParser
from npc_runtime.llm.reply import ActionTag, EmotionTag, ParserEvent, ParserNotice, Words


def read(text: str, language: str) -> list[ParserEvent]:
    parser = ReplyParser(speaker="Ada", language=language)
    return [*parser.feed(text), *parser.close(complete=True)]


def spoken(events: list[ParserEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Words)).strip()


@pytest.mark.parametrize(
    ("text", "language", "label", "strength"),
    [
        ("[emotion Freude stark] Guten Tag.", "de", "joy", "strong"),
        ("[Gefühl Wut sehr] Guten Tag.", "de", "anger", "strong"),
        ("[emotion überrascht] Guten Tag.", "de", "surprise", "normal"),
        ("[Traurigkeit leicht] Guten Tag.", "de", "sadness", "weak"),
        ("[emotion sevinç güçlü] Guten Tag.", "tr", "joy", "strong"),
        ("[DUYGU KIZGIN] Guten Tag.", "tr", "anger", "normal"),
        ("[duygu: İlgi hafif] Guten Tag.", "tr", "interest", "weak"),
        ("[emotion üzüntu çok] Guten Tag.", "tr", "sadness", "strong"),
    ],
)
def test_feelings_are_understood(text: str, language: str, label: str, strength: str) -> None:
    events = read(text, language)
    assert [event for event in events if isinstance(event, EmotionTag)] == [EmotionTag(label, strength)]  # type: ignore[arg-type]
    assert spoken(events) == "Guten Tag."
    assert not any(isinstance(event, ParserNotice) for event in events)


@pytest.mark.parametrize("keyword", ["Aktion", "eylem", "EYLEM"])
def test_actions_are_understood(keyword: str) -> None:
    events = read(f"Gut. [{keyword} mend item=sword]", "de")
    assert [event for event in events if isinstance(event, ActionTag)] == [ActionTag("mend", {"item": "sword"})]


def test_english_words_keep_their_meaning() -> None:
    assert (
        known_label("fear") == "tension" and nearest_label("happines") == "joy" and nearest_label("angrry") == "anger"
    )
    assert strength_of("very") == "strong" and strength_of("2") == "normal"
    assert nearest_label("xyzzy") is None


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("Als virtueller Assistent darf ich das nicht.", "de"),
        ("Ich bin nur ein Chatbot.", "de"),
        ("Das verstößt gegen meine Richtlinien.", "de"),
        ("Ben sadece bir sohbet botuyum.", "tr"),
        ("Yapay zekâ asistanı olarak bunu yapamam.", "tr"),
        ("Bu, yönergelerime aykırı.", "tr"),
    ],
)
def test_broken_roles_are_not_said(line: str, language: str) -> None:
    events = read(f"{line} Ah.", language)
    assert any(isinstance(event, ParserNotice) and event.code == "role_break" for event in events)
    assert not set(line.rstrip(".").split()) <= set(spoken(events).rstrip(".").split())


@pytest.mark.parametrize("line", ["Das ist gegen meine Regeln.", "Bu benim kurallarıma uymaz.", "Richtlinien, pah."])
def test_honest_words_are_said(line: str) -> None:
    assert spoken(read(line, "de")) == line


@pytest.mark.parametrize("direction", ["başını sallar", "omuz silker", "yavaşça kapıya yürüyor", "gözlerini kısarak"])
def test_turkish_stage_directions_are_not_spoken(direction: str) -> None:
    assert spoken(read(f"({direction}) Peki.", "tr")) == "Peki."


@pytest.mark.parametrize("aside", ["belki yarın gelir", "iki altın olur", "sana söz"])
def test_turkish_asides_are_spoken(aside: str) -> None:
    assert aside in spoken(read(f"Peki ({aside}) dedim.", "tr"))
