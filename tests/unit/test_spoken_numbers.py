"""Numbers as people say them, in three languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.actions.spoken_numbers import spoken_number
from npc_runtime.actions.spoken_words import tokens

_ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_TURKISH_ONES = ["", "bir", "iki", "üç", "dört", "beş", "altı", "yedi", "sekiz", "dokuz"]
_TURKISH_TENS = ["", "on", "yirmi", "otuz", "kırk", "elli", "altmış", "yetmiş", "seksen", "doksan"]
_GERMAN_ONES = ["", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"]
_GERMAN_ONES += ["dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"]
_GERMAN_TENS = ["zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]


def value(text: str, language: str) -> float | None:
    """The number that a text begins with, if all of it is one."""
    words = tokens(text, language)
    found = spoken_number(words, 0, language) if words else None
    return found.value if found is not None and found.end == len(words) else None


def english(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10 - 2] + (f"-{_ONES[number % 10]}" if number % 10 else "")
    if number < 1000:
        return f"{_ONES[number // 100]} hundred" + (f" and {english(number % 100)}" if number % 100 else "")
    return f"{english(number // 1000)} thousand" + (f" {english(number % 1000)}" if number % 1000 else "")


def german(number: int) -> str:
    if number < 20:
        return _GERMAN_ONES[number]
    if number < 100:
        tens = _GERMAN_TENS[number // 10 - 2]
        return f"{_GERMAN_ONES[number % 10]}und{tens}" if number % 10 else tens
    if number < 1000:
        return f"{_GERMAN_ONES[number // 100]}hundert{german(number % 100)}"
    return f"{german(number // 1000)}tausend{german(number % 1000)}"


def turkish(number: int) -> str:
    thousands, hundreds, rest = number // 1000, number // 100 % 10, number % 100
    words = [turkish(thousands) if thousands > 1 else "", "bin" if thousands else ""]
    words += [_TURKISH_ONES[hundreds] if hundreds > 1 else "", "yüz" if hundreds else ""]
    words += [_TURKISH_TENS[rest // 10], _TURKISH_ONES[rest % 10]]
    return " ".join(word for word in words if word)


@given(st.integers(1, 999_999))
def test_every_number_is_understood(number: int) -> None:
    assert value(english(number), "en") == number
    assert value(german(number), "de") == number
    assert value(turkish(number), "tr") == number
    assert value(str(number), "en") == number


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "20", 20),
        ("en", "1,000", 1000),
        ("en", "2.5", 2.5),
        ("en", "-5", -5),
        ("en", "a pair of", 2),
        ("en", "two pairs of", 4),
        ("en", "a couple", 2),
        ("en", "a dozen", 12),
        ("en", "half a dozen", 6),
        ("en", "three dozen", 36),
        ("en", "half", 0.5),
        ("en", "two and a half", 2.5),
        ("en", "a hundred", None),
        ("en", "hundred", 100),
        ("en", "2 hundred", 200),
        ("en", "double", 2),
        ("en", "triple", 3),
        ("en", "2 pieces", 2),
        ("en", "a few", None),
        ("en", "3rd", None),
        ("en", "10:30", None),
        ("en", "two three", None),
        ("en", "someone", None),
        ("de", "1.000", 1000),
        ("de", "2,5", 2.5),
        ("de", "ein Dutzend", 12),
        ("de", "ein halbes Dutzend", 6),
        ("de", "ein Paar", 2),
        ("de", "ein paar", None),
        ("de", "anderthalb", 1.5),
        ("de", "zweieinhalb", 2.5),
        ("de", "zweimal", 2),
        ("de", "drei Stück", 3),
        ("de", "doppelter", 2),
        ("de", "zwo", 2),
        ("de", "hundertundeins", 101),
        ("de", "verstand", None),
        ("tr", "iki tane", 2),
        ("tr", "üç adet", 3),
        ("tr", "bir düzine", 12),
        ("tr", "yarım düzine", 6),
        ("tr", "bir çift", 2),
        ("tr", "iki buçuk", 2.5),
        ("tr", "1.500", 1500),
        ("fr", "12", 12),
        ("fr", "douze", None),
    ],
)
def test_ways_to_say_a_number(language: str, text: str, expected: float | None) -> None:
    assert value(text, language) == expected


@pytest.mark.parametrize(("language", "text"), [("en", "one"), ("de", "eine"), ("de", "einem"), ("tr", "bir")])
def test_what_may_be_an_article_is_weak(language: str, text: str) -> None:
    found = spoken_number(tokens(text, language), 0, language)
    assert found is not None and (found.value, found.kind) == (1, "weak")


@given(st.text(max_size=300), st.sampled_from(["en", "de", "tr", "xx"]))
def test_any_text_has_numbers_or_none(text: str, language: str) -> None:
    words = tokens(text, language)
    for at in range(len(words)):
        found = spoken_number(words, at, language)
        assert found is None or at < found.end <= len(words)


def test_a_very_long_line_is_cut() -> None:
    assert len(tokens("twenty " * 10_000, "en")) <= 80
