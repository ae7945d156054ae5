"""The emotions of OCC in PAD space and as labels."""

import pytest

from npc_runtime.character.emotion import LABEL_PAD
from npc_runtime.character.occ import (
    ALMA_PAD,
    GAMYGDALA_PAD,
    OCC_EMOTIONS,
    OCC_LABEL,
    OccEmotion,
    label_of,
    point_of,
)
from npc_runtime.events import EMOTION_LABELS


def test_every_emotion_has_a_point_and_a_label() -> None:
    assert set(ALMA_PAD) == set(OCC_LABEL) == set(OCC_EMOTIONS)
    assert set(GAMYGDALA_PAD) < set(OCC_EMOTIONS) and len(GAMYGDALA_PAD) == 16


@pytest.mark.parametrize("emotion", OCC_EMOTIONS)
def test_an_emotion_shows_as_a_label_of_the_same_pleasantness(emotion: OccEmotion) -> None:
    assert ALMA_PAD[emotion][0] * LABEL_PAD[label_of(emotion)][0] > 0


@pytest.mark.parametrize("emotion", sorted(set(GAMYGDALA_PAD) - {"gloating"}))
def test_the_tables_agree_about_pleasantness(emotion: OccEmotion) -> None:
    assert ALMA_PAD[emotion][0] * GAMYGDALA_PAD[emotion][0] > 0


def test_gloating_feels_good() -> None:
    assert GAMYGDALA_PAD["gloating"][0] < 0 < point_of("gloating")[0]


def test_labels_stand_for_themselves() -> None:
    assert [label_of(label) for label in EMOTION_LABELS] == list(EMOTION_LABELS)
    assert point_of("joy") == LABEL_PAD["joy"] != ALMA_PAD["joy"]
    assert point_of("shame") == ALMA_PAD["shame"]
