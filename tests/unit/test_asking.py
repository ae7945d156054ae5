"""Whether a line asks to be told something, in three languages."""

import pytest

from npc_runtime.character.asking import asks, asks_who, greets, refers

ASKING = {
    "en": [
        "Who lives in the north?",
        "what about the mine",
        "Tell me about the mine.",
        "Do you trust the Guild",
        "You know where she is?",
    ],
    "de": ["Wer wohnt im Norden?", "was ist mit der Brücke", "Erzähl mir von der Mine.", "Weißt du, wo Thora ist"],
    "tr": ["Kuzeyde kim yaşıyor?", "Köprüye ne oldu", "Bana madenden bahset.", "Thora nerede?"],
    "fr": ["Où est Thora ?"],
    "zh": ["铁匠在哪里？"],
}
NOT_ASKING = {
    "en": [
        "Good morning.",
        "That is more than I can pay.",
        "I need a new axe.",
        "I have come a long way.",
        "Can I get an ale?",
        "",
    ],
    "de": [
        "Guten Morgen.",
        "Das ist mehr, als ich zahlen kann.",
        "Ich brauche eine neue Axt.",
        "Kann ich ein Bier haben?",
    ],
    "tr": ["Günaydın.", "Bu param yetmez.", "Yeni bir balta lazım.", "Bir bira alabilir miyim?"],
    "fr": ["Bonjour."],
}


@pytest.mark.parametrize(("language", "line"), [(code, line) for code, lines in ASKING.items() for line in lines])
def test_asking(language: str, line: str) -> None:
    assert asks(line, language)


@pytest.mark.parametrize(("language", "line"), [(code, line) for code, lines in NOT_ASKING.items() for line in lines])
def test_not_asking(language: str, line: str) -> None:
    assert not asks(line, language)


@pytest.mark.parametrize(
    ("language", "line", "back"),
    [
        ("en", "And where is it?", True),
        ("en", "Is there somewhere I could sleep?", False),
        ("en", "Who are you?", False),
        ("de", "Wer hat das getan?", True),
        ("de", "Wer bist du?", False),
        ("tr", "Onu kim yaptı?", True),
        ("tr", "Sen kimsin?", False),
        ("fr", "Qui es-tu ?", True),
    ],
)
def test_what_was_said_before(language: str, line: str, back: bool) -> None:
    assert refers(line, language) is back


@pytest.mark.parametrize(
    ("line", "language", "greeting"),
    [
        ("Good morning!", "en", True),
        ("Good morning, is the bridge open?", "en", False),
        ("Grüß dich, Henrike!", "de", True),
        ("Wie geht es dir?", "de", True),
        ("Guten Tag, was hast du zu verkaufen?", "de", False),
        ("İyi akşamlar", "tr", True),
        ("Bana bir çay ver.", "tr", False),
        ("Bonjour", "fr", False),
    ],
)
def test_a_greeting_asks_for_nothing_besides(line: str, language: str, greeting: bool) -> None:
    assert greets(line, language) is greeting


@pytest.mark.parametrize(
    ("line", "language", "who"),
    [
        ("Who are you?", "en", True),
        ("Who is your brother?", "en", False),
        ("Wie heißt du?", "de", True),
        ("Wer ist dein Bruder?", "de", False),
        ("Adın ne?", "tr", True),
        ("Bu köyün adı ne?", "tr", False),
        ("Qui es-tu ?", "fr", False),
    ],
)
def test_who_asks_for_a_name(line: str, language: str, who: bool) -> None:
    assert asks_who(line, language) is who
