"""The command line in English, German and Turkish: which language it is, and that its texts are complete."""

import json
import re
from string import Formatter
from unittest.mock import patch

import pytest
from tests.unit._messages import ENGLISH_ONLY, helps, swallowed, untranslated

from npc_runtime.cli import console
from npc_runtime.cli.main import main
from npc_runtime.cli.tongue import language, shown, translated, use
from npc_runtime.errors import ContentError, Problem, UsageError
from npc_runtime.resources import bundled

Out = pytest.CaptureFixture[str]
CATALOGUES = {
    code: json.loads(bundled("assets", "locale", f"{code}.json").read_text(encoding="utf-8")) for code in ("de", "tr")
}


@pytest.fixture(autouse=True)
def english_again() -> object:
    yield
    use([], {})


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        ([], {}, "en"),
        (["--lang", "de"], {"NPC_RUNTIME_LANG": "tr"}, "de"),
        (["say", "--lang=tr-TR"], {"LANG": "de_DE.UTF-8"}, "tr"),
        ([], {"NPC_RUNTIME_LANG": "tr", "LANG": "de_DE"}, "tr"),
        ([], {"NPC_RUNTIME_LANG": "fr", "LANG": "de_AT.UTF-8"}, "de"),
        ([], {"LC_ALL": "C", "LANG": "de_DE"}, "en"),
        ([], {"LC_ALL": "", "LC_MESSAGES": "tr_TR", "LANG": "de_DE"}, "tr"),
        ([], {"LANG": "fr_FR.UTF-8"}, "en"),
    ],
)
def test_which_language_it_is(arguments: list[str], environ: dict[str, str], expected: str) -> None:
    with patch("sys.platform", "linux"):
        assert use(arguments, environ) == [word for word in arguments if word == "say"]
    assert language() == expected


def test_a_language_without_texts_is_refused_in_the_language_of_the_system() -> None:
    with pytest.raises(UsageError) as refused:
        use(["--lang", "xx"], {"LANG": "de_DE"})
    assert shown(refused.value.message) == "In der Sprache 'xx' gibt es keine Texte."
    assert shown(refused.value.hint) == "--lang nimmt eins von: en, de, tr"


def test_what_is_said_behind_two_dashes_is_no_option() -> None:
    assert use(["say", "--", "--lang", "de"], {}) == ["say", "--", "--lang", "de"]
    assert language() == "en"


def test_values_keep_their_place() -> None:
    assert translated("There is no content folder a{b} c.", "de") == "Es gibt keinen Inhaltsordner a{b} c."
    assert translated("The line has 5 characters; 4000 are the most that can be said at once.", "tr").startswith(
        "Satır 5"
    )
    both = "the speech-to-text model whisper-base (150 MB, MIT) is not on this machine"
    assert translated(both, "de") == "Spracherkennung whisper-base (150 MB, MIT) ist nicht auf diesem Rechner"
    assert translated("nothing that we ever say", "de") == "nothing that we ever say"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("unknown key `voice`", "unbekannter Schlüssel `voice`"),
        ("did you mean memory?", "Meintest du memory?"),
        ("`goals.when`: must be a number", "`goals.when`: muss eine Zahl sein"),
        ("an item of `mood` must be text, not a number", "ein Eintrag von `mood`: muss Text sein, nicht eine Zahl"),
        ("      player: text", "      Spieler: text"),
        ("        seed 2: not said   | Hm.", "        Durchlauf 2: nicht gesagt   | Hm."),
        ("`knowledge` must be keys with values, not text", "`knowledge`: muss Schlüssel mit Werten sein, nicht Text"),
        ("'port' must be less than or equal to 65535, not 'x'", "'port' darf höchstens 65535 sein, nicht 'x'"),
        ("'days' must be greater than or equal to 1, not 0", "'days' muss mindestens 1 sein, nicht 0"),
        ("qwen: the largest downloaded model that fits beside a game (leaves the game 8.0 GiB of memory).",
         "qwen: das größte heruntergeladene Modell, das neben ein Spiel passt (lässt dem Spiel 8.0 GiB Speicher)."),
    ],
)  # fmt: skip
def test_what_is_no_message_stays_and_what_is_one_is_translated(message: str, expected: str) -> None:
    assert translated(message, "de") == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tes"], ["Aufruf: npc-runtime", "Fehler: Einen Befehl 'tes' gibt es nicht. Meintest du 'test'?"]),
        (["say"], ["Aufruf: npc-runtime say", "Hilfe zeigt", "Fehler: Die Option '--character' fehlt."]),
        (["usage", "--days", "0"], ["Fehler: Der Wert für '--days' passt nicht: "]),
        (["say", "--character"], ["Fehler: Die Option '--character' braucht einen Wert."]),
    ],
)
def test_what_the_library_refuses_is_said_in_it(arguments: list[str], expected: list[str], capsys: Out) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--lang", "de", *arguments])
    assert done.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    for line in expected:
        assert line in told.err


@pytest.mark.parametrize("code", ["de", "tr"])
def test_no_template_swallows_words_of_another_message(code: str) -> None:
    assert swallowed(code) == []


@pytest.mark.parametrize("code", ["de", "tr"])
def test_translations_are_whole(code: str) -> None:
    assert CATALOGUES["de"].keys() == CATALOGUES["tr"].keys()
    for english, words in CATALOGUES[code].items():
        names = [name for _, name, _, _ in Formatter().parse(english) if name]
        assert len(names) == len(set(names)), english
        used = {name for _, name, _, _ in Formatter().parse(words) if name}
        assert used <= set(names) and set(names) - used <= {"s", "t"}, english  # the s of a plural
        assert not names or len(re.findall("[A-Za-z]", re.sub("{.*?}", "", english))) >= 3, english
        assert words.strip() == words and words


def test_every_help_text_is_translated() -> None:
    assert [text for text in helps() if text and text not in CATALOGUES["de"]] == []


def test_no_more_messages_are_english_only() -> None:
    known = ENGLISH_ONLY.read_text(encoding="utf-8").splitlines()
    lacking = untranslated()
    assert sorted(set(lacking) - set(known)) == [], "translate these in assets/locale, or run tests/unit/_messages.py"
    assert sorted(set(known) - set(lacking)) == [], "these have a translation now: run tests/unit/_messages.py"


@pytest.mark.parametrize(
    ("code", "usage", "error"),
    [
        ("de", "Aufruf: npc-runtime say", "Fehler: say nimmt entweder --wav DATEI oder --text TEXT."),
        ("tr", "Kullanım: npc-runtime say", "hata: say ya --wav DOSYA ya da --text METİN alır."),
        ("en", "Usage: npc-runtime say", "error: say takes either --wav FILE or --text TEXT."),
    ],
)
def test_help_and_failures_are_shown_in_it(code: str, usage: str, error: str, capsys: Out) -> None:
    with pytest.raises(SystemExit) as done:
        main(["say", "--help", "--lang", code])
    assert done.value.code == 0
    assert usage in capsys.readouterr().out
    with pytest.raises(SystemExit) as done:
        main(["--lang", code, "say", "--character", "brynja"])
    assert done.value.code == 2
    assert error in capsys.readouterr().err


def test_mistakes_in_files_keep_their_place(capsys: Out) -> None:
    use(["--lang", "de"], {})
    with pytest.raises(SystemExit) as done:
        console.fail(ContentError([Problem("a.yaml", 3, 1, "unknown key `nmae`", "did you mean `name`?")]))
    assert done.value.code == 1
    assert capsys.readouterr().err == "Fehler: a.yaml:3:1: unbekannter Schlüssel `nmae` (Meintest du `name`?)\n"


def test_json_stays_english(capsys: Out) -> None:
    with pytest.raises(SystemExit):
        main(["--lang", "de", "models", "list", "--json"])
    assert {entry["kind"] for entry in json.loads(capsys.readouterr().out)} >= {"llm", "stt", "tts"}
