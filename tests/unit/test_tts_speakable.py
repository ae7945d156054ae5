import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.tts.language import spoken_language
from npc_runtime.tts.speakable import speakable

CASES = [
    ("en", "Aye. Steel doesn't lie.", "Aye. Steel doesn't lie."),
    ("en", "  two\t words\n", "two words"),
    ("en", "[[h@loU]] friend", "h at loU friend"),
    ("en", "[*[x]*]", "x"),
    ("en", "*sigh* I am **very** _tired_ of `this`", "sigh I am very tired of this"),
    ("en", "(quietly) [no] {yes} <3 <b>bold</b>", "quietly no yes 3 bold"),
    ("en", "Good 🙂👍🏽 day\u200b to\u00ad you\x07", "Good day to you"),
    ("en", "Well... I do", "Well, I do"),
    ("en", "Well… I do…", "Well, I do,"),
    ("en", "...and then?!", "and then?"),
    ("en", "Wait...!", "Wait!"),
    ("en", "well—I do -- yes – no", "well, I do, yes, no"),
    ("en", "rock-hard", "rock-hard"),
    ("en", "He said “no.” Then he left", "He said no. Then he left"),
    ("en", "don’t", "don't"),
    ("en", "'Tis fine", "'Tis fine"),
    ("en", "See https://www.example.com/a/b?c=1 now.", "See example dot com now."),
    ("en", "Ask me@home.org.", "Ask me at home dot org."),
    ("en", "4 × 5 = 20 & 7% at 3°", "4 times 5 equals 20 and 7 percent at 3 degrees"),
    ("en", "3*4 and 5 °C", "3 times 4 and 5 degrees Celsius"),
    ("en", "$5 or 6€, 1,000.50 £", "5 dollars or 6 euros, 1,000.50 pounds"),
    ("en", "10–20 men, -5 degrees", "10 to 20 men, minus 5 degrees"),
    ("en", "#5 and #tag", "number 5 and tag"),
    ("en", "and/or 1/2", "and or 1/2"),
    ("en", "STOP right NOW, NPC", "stop right NOW, NPC"),
    ("en", "GET OUT OF IT! I SAID", "get out of it! I said"),
    ("en", "FBI AND CIA", "FBI AND CIA"),
    ("en", "Dr. Smith met Mrs. Jones.", "Doctor Smith met Missus Jones."),
    ("en", "swords, shields, etc.", "swords, shields, et cetera."),
    ("en", "No. Never.", "No. Never."),
    ("en", "one\n\ntwo.\nthree", "one, two. three"),
    ("en", "naïve Zoë z\u0336a\u0336lgo", "naïve Zoë zalgo"),
    ("en", "你好 friend привет", "friend"),
    ("en", "你好!", ""),
    ("en", "Привет", ""),
    ("en", "?!...", ""),
    ("en", "🙂", ""),
    ("en", "* * *", ""),
    ("en", "---", ""),
    ("en", "", ""),
    ("de", "4 × 5 & 7 % für 3 €", "4 mal 5 und 7 Prozent für 3 Euro"),
    ("de", "HALT SOFORT, ÄRGER", "halt sofort, ärger"),
    ("de", "Hr. Kraus, z. B. auf beispiel.de", "Herr Kraus, zum Beispiel auf beispiel.de"),
    ("de", "Sieh www.beispiel.de!", "Sieh beispiel Punkt de!"),
    ("tr", "4 × 5 & %7, 3 ₺", "4 çarpı 5 ve yüzde 7, 3 lira"),
    ("tr", "8% indirim", "yüzde 8 indirim"),
    ("tr", "IŞIK, İSTANBUL KALK", "ışık, istanbul kalk"),
    ("tr", "ornek.com için https://ornek.com", "ornek.com için ornek nokta com"),
    ("xx", "你好, friend 🙂", "你好, friend"),
    ("xx", "4 × 5 & 7%", "4 5 7"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "expected"), CASES)
def test_text_is_made_speakable(language: str, text: str, expected: str) -> None:
    assert speakable(text, language) == expected


@pytest.mark.parametrize(("language", "text", "expected"), CASES)
def test_speakable_text_stays_as_it_is(language: str, text: str, expected: str) -> None:
    assert speakable(expected, language) == expected


@given(st.text(max_size=120), st.sampled_from(["en", "de", "tr", "xx"]))
def test_only_what_can_be_read_is_left(text: str, language: str) -> None:
    spoken = speakable(text, language)
    assert not set(spoken) & set('[]{}()<>*_`~|\\^"#@&%\n\r\t')
    assert all(unicodedata.category(char)[0] in "LNPMZ" for char in spoken)
    assert not spoken or any(char.isalnum() for char in spoken)
    assert "  " not in spoken
    assert spoken == spoken.strip()


@pytest.mark.parametrize("code", ["en", "de", "tr"])
def test_every_language_says_the_same_signs(code: str) -> None:
    language, english = spoken_language(code), spoken_language("en")
    assert set(language.words) == set(english.words)
    assert set(language.currencies) == set(english.currencies)
    assert language.reference and language.dot and language.to and language.number_sign
    assert all(name.endswith(".") for name in language.abbreviations)
    assert all(word == language.lower(word) for word in language.weak_endings)


def test_a_language_without_data_is_no_error() -> None:
    assert spoken_language("xx").words == {}
    assert spoken_language("../en").reference


def test_turkish_has_two_letters_i() -> None:
    assert spoken_language("tr").lower("IĞDIR İZMİR") == "ığdır izmir"
    assert spoken_language("en").lower("IT") == "it"
