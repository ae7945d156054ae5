"""The wording of transcripts, and trust in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.stt.trust import Decoded, doubt
from npc_runtime.stt.wording import cleaned, looped, unlooped


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" Can you mend my sword?", "Can you mend my sword?"),
        ("[BLANK_AUDIO]", ""),
        ("(music)", ""),
        ("♪ ♪♪", ""),
        ("♪ Hello there ♪", "Hello there"),
        ("*sighs* I (coughs) mean  it.", "I mean it."),
        (". . . .", ""),
        ("...", ""),
        ("... and then?", "and then?"),
        ("Aye [unclosed", "Aye unclosed"),
        ("Don't, it's 40 coins!", "Don't, it's 40 coins!"),
        ("Ağır kılıç, değil mi?", "Ağır kılıç, değil mi?"),
        ("", ""),
    ],
)
def test_cleaned(text: str, words: str) -> None:
    assert cleaned(text) == words


@given(st.text(max_size=80))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert cleaned(cleaned(text)) == cleaned(text)


@pytest.mark.parametrize(
    ("text", "loop", "once"),
    [
        ("May I have a house coffee? May I have a house coffee?", True, None),
        ("So, so, so, so, so, so, so, so, so, so, so, so, so, so, so,", True, "So"),
        ("I will go to the end of the end of the end of the end of the end of the", True, "I will go to the end of"),
        ("Stop it. Stop it. Stop it. Stop it. Stop it. Stop it. Stop it. Stop", True, "Stop it."),
        ("And so, my fellow Americans, ask not what your country can do for you.", False, None),
        ("No, no!", False, None),
        ("Go away. Go away.", False, None),
        ("", False, None),
    ],
)
def test_loops(text: str, loop: bool, once: str | None) -> None:
    assert looped(text) is loop
    assert unlooped(text) == (text if once is None else once)


@pytest.mark.parametrize(
    ("text", "logprob", "no_speech", "reason"),
    [
        ("Good morning.", -0.2, 0.05, ""),
        ("Good morning.", -1.2, 0.3, ""),
        ("What?", -0.5, 0.7, ""),
        ("You", -2.0, 0.9, "no_speech"),
        ("You", -1.1, 0.7, "no_speech"),
        ("", -0.1, 0.1, "unclear"),
        ("I'm gonna", -1.9, 0.2, "unclear"),
    ],
)
def test_doubt(text: str, logprob: float, no_speech: float, reason: str) -> None:
    assert doubt(Decoded(text, logprob, no_speech)) == reason
