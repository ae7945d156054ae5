"""How a character takes what the player says, in three languages."""

import pytest

from npc_runtime.character.appraisal import Feeling, appraise
from npc_runtime.content.character import Traits

HARSH = Traits(agreeableness=-0.4, neuroticism=0.3)
KIND = Traits(agreeableness=0.6, neuroticism=-0.2)


@pytest.mark.parametrize(
    ("text", "language", "harsh", "kind"),
    [
        ("You are a fraud and your brother deserved it.", "en", ("anger", "strong"), ("defensiveness", "normal")),
        ("Hand over the gold or else!", "en", ("anger", "strong"), ("tension", "strong")),
        ("Thank you, this is fine work.", "en", ("joy", "weak"), ("joy", "normal")),
        ("I’m sorry about that.", "en", ("validation", "weak"), ("validation", "normal")),
        ("Your brother is dead.", "en", ("sadness", "normal"), ("sadness", "normal")),
        ("Bandits! Help me!", "en", ("tension", "normal"), ("tension", "normal")),
        ("Can you mend my sword?", "en", ("interest", "weak"), ("interest", "weak")),
        ("I walked here from the river.", "en", ("neutral", "normal"), ("neutral", "normal")),
        ("Du bist ein Lügner!", "de", ("anger", "strong"), ("defensiveness", "normal")),
        ("Vielen Dank, das ist wunderbar.", "de", ("joy", "weak"), ("joy", "normal")),
        ("Hallo!", "de", ("interest", "weak"), ("interest", "normal")),
        ("İşe yaramaz bir ahmaksın!", "tr", ("anger", "strong"), ("defensiveness", "normal")),
        ("Teşekkürler, eline sağlık.", "tr", ("joy", "weak"), ("joy", "normal")),
        ("Kardeşin öldü.", "tr", ("sadness", "normal"), ("sadness", "normal")),
        ("¿Qué vendes?", "es", ("interest", "weak"), ("interest", "weak")),
    ],
)
def test_words_and_temperament_decide(text: str, language: str, harsh: Feeling, kind: Feeling) -> None:
    assert (appraise(text, language, HARSH), appraise(text, language, KIND)) == (harsh, kind)


def test_words_count_whole() -> None:
    assert appraise("The foundry needs a deadline.", "en", HARSH) == ("neutral", "normal")
