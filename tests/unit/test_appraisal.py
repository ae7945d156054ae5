"""How a character takes what the player says, in three languages."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.character.appraisal import Appraisal, Feeling, appraise, assess
from npc_runtime.character.tone import tone
from npc_runtime.character.tone_kinds import KINDS, MAX_STEP
from npc_runtime.character.tone_rules import WEIGHT
from npc_runtime.character.tone_words import MAX_CHARACTERS
from npc_runtime.content.character import Traits
from npc_runtime.events import EMOTION_LABELS
from npc_runtime.resources import bundled

HARSH = Traits(agreeableness=-0.4, neuroticism=0.3)
KIND = Traits(agreeableness=0.6, neuroticism=-0.2)
AVERAGE = Traits()
LANGUAGES = ("en", "de", "tr")


def read(text: str, language: str = "en") -> Appraisal:
    return assess(text, language, AVERAGE)


@pytest.mark.parametrize(
    ("text", "language", "harsh", "kind"),
    [
        ("You are a fraud and a thief.", "en", ("anger", "strong"), ("defensiveness", "normal")),
        ("Hand over the gold or else!", "en", ("anger", "strong"), ("tension", "strong")),
        ("Thank you, this is fine work.", "en", ("joy", "weak"), ("joy", "normal")),
        ("I’m sorry about that.", "en", ("validation", "weak"), ("validation", "normal")),
        ("Your brother is dead.", "en", ("sadness", "normal"), ("sadness", "normal")),
        ("Bandits! Help me!", "en", ("tension", "normal"), ("tension", "normal")),
        ("Where is the mill?", "en", ("interest", "weak"), ("interest", "weak")),
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


@pytest.mark.parametrize(
    ("kind", "en", "de", "tr"),
    [
        ("threat", "I will kill you.", "Ich bringe dich um.", "Seni öldürürüm."),
        ("insult", "You fool!", "Du Idiot!", "Aptalsın!"),
        ("accusation", "You lied to me.", "Du hast mich belogen.", "Bana yalan söyledin."),
        ("mockery", "Even a child fights better.", "Selbst meine Oma zielt besser.", "Güldürme beni."),
        ("refusal", "I refuse.", "Ich weigere mich.", "Reddediyorum."),
        ("command", "Kneel!", "Auf die Knie!", "Diz çök!"),
        ("apology", "I am sorry.", "Es tut mir leid.", "Özür dilerim."),
        ("thanks", "Thank you.", "Ich danke dir.", "Teşekkür ederim."),
        ("praise", "Well done!", "Gut gemacht!", "Aferin!"),
        ("affection", "I missed you.", "Ich habe dich vermisst.", "Seni özledim."),
        ("promise", "I promise.", "Ich verspreche es.", "Söz veriyorum."),
        ("gift", "A gift.", "Ein Geschenk.", "Bir hediye."),
        ("request", "Help me, please.", "Hilf mir bitte.", "Lütfen bana yardım et."),
        ("confession", "I stole your ring.", "Ich habe dich bestohlen.", "İtiraf ediyorum."),
        ("good_news", "We won!", "Wir haben gewonnen!", "Kazandık!"),
        ("bad_news", "He passed away.", "Er ist gestorben.", "Vefat etti."),
        ("danger", "Look out!", "Vorsicht!", "İmdat!"),
        ("joke", "Just kidding.", "War nur Spaß.", "Şaka yaptım."),
        ("greeting", "Hello.", "Guten Tag.", "Merhaba."),
        ("farewell", "Goodbye.", "Tschüss.", "Görüşürüz."),
        ("question", "Where is the inn?", "Wo ist das Gasthaus?", "Han nerede?"),
        ("agreement", "I agree.", "Einverstanden.", "Anlaştık."),
        ("disagreement", "You are wrong.", "Du irrst dich.", "Yanılıyorsun."),
        ("boredom", "This is boring.", "Das ist langweilig.", "Çok sıkıcı."),
        ("surprise", "Wow!", "Donnerwetter!", "Vay canına!"),
    ],
)
def test_kinds_are_told_apart_in_every_language(kind: str, en: str, de: str, tr: str) -> None:
    firsts = [read(text, language).kinds[:1] for text, language in ((en, "en"), (de, "de"), (tr, "tr"))]
    assert firsts == [(kind,)] * 3


@pytest.mark.parametrize(
    ("text", "language", "sign"),
    [
        ("That is not bad.", "en", 1),
        ("That is not good.", "en", -1),
        ("You are not stupid.", "en", 1),
        ("I will never hurt you.", "en", 1),
        ("I don't like you.", "en", -1),
        ("He is not dead.", "en", 1),
        ("Du bist nicht dumm.", "de", 1),
        ("Ich mag dich nicht.", "de", -1),
        ("Keine Angst.", "de", 1),
        ("Hiç fena değil.", "tr", 1),
        ("Aptal değilsin.", "tr", 1),
        ("Seni öldürmeyeceğim.", "tr", 1),
        ("Iyi degil.", "tr", -1),
    ],
)
def test_negation_turns_the_meaning(text: str, language: str, sign: int) -> None:
    assert read(text, language).sign == sign


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("You are a fool, is it not?", "en"),
        ("You are a fool, aren't you?", "en"),
        ("Du bist ein Idiot, nicht wahr?", "de"),
        ("Sen bir aptalsın, değil mi?", "tr"),
    ],
)
def test_a_question_for_assent_negates_nothing(text: str, language: str) -> None:
    assert read(text, language).kinds[0] == "insult"


@pytest.mark.parametrize(
    ("blames", "spares", "language"),
    [
        ("You are a fool.", "He is a fool.", "en"),
        ("You are a fool.", "I am such a fool.", "en"),
        ("you fool", "the duke is a fool", "en"),
        ("Sie sind ein Lügner.", "Er ist ein Lügner.", "de"),
        ("Ihr seid Feiglinge!", "Sie ist ein Feigling.", "de"),
        ("Aptalsınız.", "Ben bir aptalım.", "tr"),
        ("sen bir yalancısın", "O bir yalancı.", "tr"),
    ],
)
def test_only_what_is_said_of_the_listener_blames(blames: str, spares: str, language: str) -> None:
    assert read(blames, language).regard == "blame"
    assert read(spares, language).sign == 0


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("Thank you, you have a good heart!", "thank you you have a good heart", "en"),
        ("Don't worry, I'm on your side.", "dont worry im on your side", "en"),
        ("Du größter Esel!", "du groesster esel", "de"),
        ("Das ist schön.", "das ist schoen", "de"),
        ("Çok teşekkür ederim.", "cok tesekkur ederim", "tr"),
        ("İyi akşamlar", "IYI AKŞAMLAR", "tr"),
        ("Seni öldürürüm", "seni oldururum", "tr"),
    ],
)
def test_spelling_does_not_change_the_meaning(one: str, other: str, language: str) -> None:
    first, second = read(one, language), read(other, language)
    assert (first.kinds[0], first.sign) == (second.kinds[0], second.sign)


def test_turkish_became_is_not_died() -> None:
    assert read("Kardesin oldu.", "tr").kinds == ()
    assert read("Kardeşin öldü.", "tr").kinds[0] == "bad_news"


def test_german_compounds_and_formal_address() -> None:
    assert read("Sie Vollidiot, Sie Bauerntrottel!", "de").kinds[0] == "insult"
    assert read("Haben Sie Brot?", "de").kinds == ("question",)
    assert read("Sie ist sehr mutig.", "de").kinds == ()


def test_words_count_whole() -> None:
    assert read("The foundry needs a deadline.").kinds == ()


def test_how_it_is_put_makes_it_stronger_or_weaker() -> None:
    plain = read("You are a liar.")
    assert (plain.strength, read("You are such a liar!").strength) == ("normal", "strong")
    assert read("YOU ARE A LIAR").valence < plain.valence < read("You are a bit of a liar.").valence < 0


def test_what_is_asked_or_supposed_is_no_news() -> None:
    assert read("Is your brother dead?").label == "interest"
    assert read("If he dies, we wait.").valence > -0.2
    assert read("Your brother is dead.").valence < -0.5


def test_laughter_turns_insults_to_mockery_and_fear_to_gallows_humour() -> None:
    assert read("haha you fool").kinds[0] == "mockery"
    assert read("Haha, the dragon is coming!").label == "tense_humor"


def test_the_strongest_thing_outweighs_the_rest() -> None:
    both = read("Hello and thank you, but you are a fool.")
    assert both.kinds == ("insult", "thanks", "greeting")
    assert read("You are a fool.").valence < both.valence < 0


@pytest.mark.parametrize(
    ("text", "label"), [("🖕", "defensiveness"), ("❤️❤️", "affection"), ("😂", "humor"), ("🎁", "joy")]
)
def test_pictures_speak_in_any_language(text: str, label: str) -> None:
    assert [read(text, language).label for language in (*LANGUAGES, "ja")] == [label] * 4


@pytest.mark.parametrize("text", ["", "   ", "...", "مرحبا كيف حالك", "שלום", "你好,世界", "\u202eevil\u202c", "42"])
def test_other_scripts_and_nothing_are_neutral(text: str) -> None:
    for language in LANGUAGES:
        assert read(text, language).feeling == ("neutral", "normal")


def test_long_texts_are_read_at_both_ends_only() -> None:
    filler = "stone " * 2000
    assert read(f"You idiot. {filler}").kinds == ("insult",)
    assert read(f"{filler}. You idiot.").kinds == ("insult",)
    middle = "stone " * MAX_CHARACTERS
    assert read(f"{middle}. You idiot. {middle}").kinds == ()


def test_a_region_is_no_other_language() -> None:
    assert (
        read("Vielen Dank", "de-AT") == read("Vielen Dank", "de_CH") == read("Vielen Dank", "DE") == read("Danke", "de")
    )


def test_relationships_move_the_way_the_words_do() -> None:
    threat, praise, promise = (
        read("I will kill you.").relation,
        read("Well done!").relation,
        read("I promise.").relation,
    )
    assert threat.trust < 0 > threat.affection
    assert praise.affection > 0 < praise.respect
    assert promise.trust > praise.trust
    assert read("I walked here.").relation.familiarity > 0 == read("I walked here.").relation.trust
    assert read("").relation.familiarity == 0


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400), st.sampled_from((*LANGUAGES, "xx")))
def test_anything_is_taken_within_bounds(text: str, language: str) -> None:
    found = assess(text, language, HARSH)
    assert found == assess(text, language, HARSH)
    assert -1 <= found.valence <= 1
    assert -1 <= found.arousal <= 1
    moved = found.relation
    assert max(map(abs, (moved.trust, moved.respect, moved.familiarity, moved.affection))) <= MAX_STEP


@given(
    st.lists(
        st.sampled_from(["you", "are", "not", "a", "fool", "i", "kill", ".", "?", "!", "very", "haha"]), max_size=60
    )
)
def test_any_mixture_of_strong_words_stays_within_bounds(words: list[str]) -> None:
    found = assess(" ".join(words), "en", AVERAGE)
    assert -1 <= found.valence <= 1
    assert found.label in EMOTION_LABELS
    assert len(found.kinds) == len(set(found.kinds))


@pytest.mark.parametrize("language", LANGUAGES)
def test_word_lists_are_well_formed(language: str) -> None:
    lists = json.loads(Path(bundled("assets", "text", f"tone_{language}.json")).read_text(encoding="utf-8"))
    assert not [word for words in lists["classes"].values() for word in words if " " in word or not word.strip("*")]
    for kind, groups in lists["rules"].items():
        assert kind in KINDS
        assert set(groups) <= set(WEIGHT)
        for places in (text.split() for texts in groups.values() for text in texts):
            assert ".." not in (places[0], places[-1]), places
            assert "^" not in places[1:], places
            assert "$" not in places[:-1], places
    assert set(lists["rules"]) >= set(KINDS) - {"blessing", "secret"}


def test_every_kind_has_a_label_and_picture_signs_name_kinds() -> None:
    pictures = json.loads(bundled("assets", "text", "tone_pictures.json").read_text(encoding="utf-8"))
    assert set(pictures) <= set(KINDS)
    assert all((kind.valence < 0) == (kind.regard == "blame") for kind in KINDS.values() if kind.regard != "none")
    assert {heard.kind for heard in tone("I will kill you. Hello.", "en")} == {"threat", "greeting"}
