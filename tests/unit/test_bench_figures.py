"""The benchmark's arithmetic: when a reply is heard, where a voice ends, who says what, and what a run amounts to."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from npc_runtime.bench import plan
from npc_runtime.bench.clips import LEAD_MS, Clip, bounds, load
from npc_runtime.bench.figures import spread, summary
from npc_runtime.bench.line import Interruption, Line, Outcome
from npc_runtime.bench.reply import AUDIBLE, Reply
from npc_runtime.bench.run import Measured, Work
from npc_runtime.bench.sequential import Whole
from npc_runtime.bench.table import table
from npc_runtime.bench.watch import Memory
from npc_runtime.errors import InputError
from npc_runtime.stt.audio_file import read_audio
from npc_runtime.stt.vad import speech_spans

RATE = 8000
AUDIO = Path(__file__).parents[1] / "fixtures" / "audio"


def sound(ms: int, *, silence_ms: int = 0) -> bytes:
    """Silence and then a tone that can just be heard."""
    pcm = np.full(ms * RATE // 1000, AUDIBLE + 1, "<i2")
    pcm[: silence_ms * RATE // 1000] = AUDIBLE
    return pcm.tobytes()


def reply(*pieces: tuple[float, int, bytes, bool], fillers: frozenset[int] = frozenset()) -> Reply:
    """A reply with pieces: time of arrival, clause, PCM, last."""
    made = Reply(turn=1, character="brynja", reply_to="Hello.", begun=9.9, fillers=set(fillers))
    for at, clause, pcm, last in pieces:
        made.add(clause, RATE, pcm, last=last, at=at)
    return made


def test_the_first_audible_sample_is_where_the_silence_in_front_of_it_ends() -> None:
    assert reply((10.0, 0, sound(100, silence_ms=40), True)).audible == pytest.approx(10.04)
    assert reply((10.0, 0, sound(100, silence_ms=100), False)).audible is None
    later = reply((10.0, 0, sound(100, silence_ms=100), False), (10.02, 0, sound(50, silence_ms=20), True))
    assert later.audible == pytest.approx(10.12)


def test_a_filler_is_no_answer_and_delays_it_while_it_plays() -> None:
    waits = reply((10.0, 0, sound(500), True), (10.2, 1, sound(100), True), fillers=frozenset({0}))
    assert waits.audible == pytest.approx(10.5)
    free = reply((10.0, 0, sound(500), True), (10.7, 1, sound(100), True), fillers=frozenset({0}))
    assert free.audible == pytest.approx(10.7)
    assert free.dry_ms == 0


def test_what_was_played_counts_gaps_and_stops() -> None:
    gap = reply((10.0, 0, sound(100), False), (10.15, 0, sound(100), True))
    assert gap.dry_ms == pytest.approx(50)
    assert [round(gap.played_ms(at)) for at in (9.0, 10.05, 10.12, 10.2, 11.0)] == [0, 50, 100, 150, 200]
    assert (gap.played_out(10.24), gap.played_out(10.26)) == (False, True)
    assert gap.audio_ms == pytest.approx(200)
    assert gap.plays_until == pytest.approx(10.25)
    gap.stopped = 10.2
    assert (round(gap.played_ms(11.0)), gap.played_out(10.2), gap.plays_until) == (150, True, 10.2)


def test_playback_is_not_over_in_the_middle_of_a_clause() -> None:
    assert not reply((10.0, 0, sound(100), False)).played_out(11.0)


@pytest.mark.parametrize("name", ["padded_1s.flac", "thora_gate.flac", "quiet.flac"])
def test_a_voice_ends_at_the_last_10_ms_within_30_db_of_its_peak(name: str) -> None:
    samples = read_audio(AUDIO / name)
    found = bounds(samples)
    assert found is not None
    first, last = found
    spans = speech_spans(samples)
    assert spans[0].start - 160 < first < last <= spans[-1].end
    level = 10 * np.log10(np.square(samples[: len(samples) // 160 * 160].reshape(-1, 160)).mean(axis=1) + 1e-12)
    floor = level.max() - 30
    assert level[first // 160] >= floor
    assert level[last // 160 - 1] >= floor
    assert level[last // 160 : spans[-1].end // 160].max(initial=-999) < floor
    with_silence = bounds(np.concatenate([samples, np.zeros(32_000, np.float32)]))
    assert with_silence == found


def test_nobody_speaks_in_silence() -> None:
    assert bounds(np.zeros(16_000, np.float32)) is None


def test_clips_come_from_files_and_folders_with_little_silence_in_front() -> None:
    (clip,) = load([AUDIO / "padded_1s.flac"])
    samples = read_audio(AUDIO / "padded_1s.flac")
    found = bounds(samples)
    assert found is not None
    assert clip.first == LEAD_MS * 16
    assert (clip.samples == samples[found[0] - clip.first :]).all()
    assert clip.last - clip.first == found[1] - found[0]


def test_speech_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no sound file"):
        load([tmp_path])
    with pytest.raises(InputError, match="Nobody speaks"):
        load([AUDIO / "silence.flac"])


def test_characters_take_turns_but_a_voice_interrupts_whom_it_talks_to() -> None:
    clips = [Clip(name, np.zeros(1, np.float32), 0, 1) for name in "abc"]
    steps = list(plan.spoken(10, clips, ["x", "y"]))
    assert "".join(step.clip.name for step in steps) == "abcabcabca"
    assert "".join(step.character for step in steps) == "xyxyxxyxyx"
    assert [step.after for step in steps] == ["", "", "message", "", "voice", "", "", "message", "", ""]


def test_typed_lines_are_in_the_language_of_the_character() -> None:
    steps = list(islice(plan.typed(100, [("x", "en"), ("y", "de-DE"), ("z", "fr")]), 6))
    assert [step.character for step in steps] == ["x", "y", "z", "x", "y", "z"]
    assert (steps[0].text, steps[1].text, steps[5].text) == (
        "Good morning.",
        "Wer bist du?",
        "That is more than I can pay.",
    )


def test_spread_interpolates_and_leaves_out_what_is_not_known() -> None:
    assert spread([None]) is None
    assert spread([*range(101), None]) == {"n": 101, "p50": 50, "p95": 95, "p99": 99, "min": 0, "max": 100}


def line(latency: float | None, turn: int, **fields: object) -> Line:
    outcome: Outcome = "answered" if latency is not None else "lost"
    timings = {"endpoint_ms": 300.0, "first_audio_ms": latency or 0.0}
    made = Line("a", "x", outcome=outcome, turn=turn, latency_ms=latency, timings=timings)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def run() -> Measured:
    """A run with lines of every kind."""
    return Measured(
        characters=("x", "y"),
        spoken=[
            line(400.0, 2, interruption=Interruption("message", stop_ms=8.0, idle_ms=90.0, busy=True)),
            line(
                500.0,
                3,
                interruption=Interruption("voice", stop_ms=290.0, decided_ms=9.0),
                false_ends=1,
                filler=True,
                dry_ms=30.0,
            ),
            line(None, 4, why="no answer within 15 s", interruption=Interruption("voice")),
            line(None, 5, outcome="early"),
        ],
        typed=[line(200.0, 6), line(None, 7, outcome="disturbed")],
        others=[Whole("a", "x", 600.0, 500.0, 300.0, 100.0), Whole("a", "y", 600.0, 500.0, 300.0, 200.0)],
        late_ms=[0.5, 1.5],
        lag={"p50": 0.4, "p99": 6.0, "max": 9.0},
        own_ms={1: 99.0, 2: 4.0, 3: 6.0},
        talking=Work(10.0, 20.0),
        listening=Work(0.1, 5.0),
        idle=Work(0.02, 5.0),
        memory=Memory("pss", peak=700.4, first=650.0, last=690.0),
        errors=["engine: It broke."],
    )


def test_what_a_run_amounts_to() -> None:
    figures = summary(run(), busy=1, cores=2)
    spoken = figures["spoken"]
    assert (spoken["turns"], spoken["answered"], spoken["lost"], spoken["answered_too_early"]) == (4, 2, 1, 1)
    assert (spoken["false_ends"], spoken["with_filler"], spoken["ran_dry"]) == (1, 1, 1)
    assert (spoken["latency_ms"]["p50"], spoken["latency_ms"]["n"]) == (450, 2)
    assert spoken["stages_ms"]["endpoint"]["p50"] == 300
    assert spoken["stages_ms"]["stt"] is None
    assert figures["typed"]["latency_ms"]["p50"] == 200
    assert (figures["typed"]["lost"], figures["typed"]["disturbed"]) == (0, 1)
    cut = figures["interruptions"]
    assert (cut["message_to_stop_ms"]["p50"], cut["message_to_idle_ms"]["p50"], cut["engines_busy"]) == (8, 90, 1)
    assert (cut["voice_to_stop_ms"]["p50"], cut["voice_to_stop_beyond_ms"]["p50"], cut["ignored"]) == (290, 40, 1)
    assert cut["deciding_frame_to_stop_ms"]["p50"] == 9
    other = figures["one_after_another"]
    assert (other["without_end_of_turn_ms"]["p50"], other["with_end_of_turn_ms"]["p50"]) == (1550, 2050)
    assert (other["ratio_without_end_of_turn"], other["ratio_with_end_of_turn"]) == (0.29, 0.22)
    server = figures["server"]
    assert (server["own_ms"]["n"], server["own_ms"]["max"]) == (2, 6)  # the greeting of turn 1 is no answer
    assert server["cpu_percent"] == {"talking": 50, "listening": 2, "idle": 0.4}
    assert server["cpu_seconds_per_turn"] == 2
    assert server["memory"] == {"kind": "pss", "peak_mb": 700, "first_mb": 650, "last_mb": 690}
    assert json.loads(json.dumps(figures))["lines"][2]["why"] == "no answer within 15 s"


def test_the_table_says_it_all() -> None:
    text = table(summary(run(), busy=1, cores=2))
    rows = {" ".join(row.split()) for row in text.splitlines()}
    for row in (
        "FIRST AUDIBLE SAMPLE at the game 450 495 500 2",
        "the turn is over 300 300 300 2",
        "2 of 4 turns answered, 1 lost",
        "1 answered before the player had finished, and not again",
        "1 × a pause was taken for the end",
        "1 with a filler",
        "1 of 2 turns answered, 0 lost",
        "1 not counted: the benchmark itself was not let run meanwhile",
        "1 ran out of sound in the middle of the answer",
        "`interrupt` to speech.stop 8.0 8.0 8.0 1",
        "1 ignored",
        "first audible sample, after 500 ms of silence 2050 2095 2100 2",
        "our median / theirs after 500 ms of silence 0.22",
        "our own code until the first sound, ms of CPU 5.0 5.9 6.0 2",
        "lag of the event loop, ms p50 0.4, p99 6.0, max 9.0",
        "CPU, of one core 50.0 % talking, 2.0 % listening, 0.4 % idle",
        "x, 'a': lost: no answer within 15 s",
        "x, 'a': early",
        "the server said: engine: It broke.",
    ):
        assert row in rows, text
    assert "2 cores, 1 of them kept busy" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_run_in_which_nothing_was_told_has_a_table_too() -> None:
    text = table(summary(Measured(characters=("x",)), busy=0, cores=4))
    assert "4 cores\n" in text
    assert "None" not in text
