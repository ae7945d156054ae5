"""Figures: what a run amounts to, as one JSON object of medians and percentiles."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import psutil

from npc_runtime import __version__
from npc_runtime.bench.line import Line
from npc_runtime.bench.run import Measured, Work
from npc_runtime.bench.sequential import END_OF_TURN_MS, Whole

STAGES = ("endpoint", "stt", "first_token", "first_clause", "first_audio", "total")
"""Of `turn.end.timings`, without `_ms`."""
VOICE_MS = 250.0
"""Voice that it takes to be an interruption and not a cough."""


def spread(values: Iterable[float | None]) -> dict[str, float] | None:
    """How values are distributed: `n`, `p50`, `p95`, `p99`, `min`, `max`; None if there are none.

    Args:
        values: Those that are None are left out.
    """
    known = np.array([value for value in values if value is not None], float)
    if not len(known):
        return None
    middle, most, extreme = np.percentile(known, (50, 95, 99))
    return {
        "n": len(known),
        "p50": _tenths(middle),
        "p95": _tenths(most),
        "p99": _tenths(extreme),
        "min": _tenths(known.min()),
        "max": _tenths(known.max()),
    }


def summary(measured: Measured, *, busy: int, cores: int | None = None) -> dict[str, Any]:
    """Everything that a run amounts to; times in milliseconds unless they are named otherwise.

    Args:
        measured: The run.
        busy: How many cores were kept busy meanwhile.
        cores: Of this machine; counted unless given.
    """
    lines = [*measured.spoken, *measured.typed]
    turns = {line.turn for line in lines}
    counted = sum(line.outcome != "disturbed" for line in lines)
    return {
        "runtime": __version__,
        "machine": {
            "cores": cores or psutil.cpu_count() or 1,
            "busy_cores": busy,
            "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
            "system": platform.platform(),
        },
        "characters": list(measured.characters),
        "spoken": _block(measured.spoken),
        "typed": _block(measured.typed),
        "interruptions": _interruptions(lines),
        "one_after_another": _compared(measured.spoken, measured.others),
        "server": {
            "own_ms": spread(own for turn, own in measured.own_ms.items() if turn in turns),
            "loop_lag_ms": dict(measured.lag) or None,
            "cpu_seconds_per_turn": round(measured.talking.cpu / counted, 2) if counted else None,
            "cpu_percent": {
                "talking": _percent(measured.talking),
                "listening": _percent(measured.listening),
                "idle": _percent(measured.idle),
            },
            "memory": {
                "kind": measured.memory.kind,
                "peak_mb": round(measured.memory.peak),
                "first_mb": round(measured.memory.first),
                "last_mb": round(measured.memory.last),
            },
        },
        "microphone_late_ms": spread(measured.late_ms),
        "errors": list(measured.errors),
        "lines": [asdict(line) for line in lines],
    }


def _block(lines: Sequence[Line]) -> dict[str, Any] | None:
    if not lines:
        return None
    answered = [line for line in lines if line.outcome == "answered"]
    return {
        "turns": len(lines),
        "answered": len(answered),
        "lost": sum(line.outcome in ("lost", "failed") for line in lines),
        "disturbed": sum(line.outcome == "disturbed" for line in lines),
        "answered_too_early": sum(line.outcome == "early" for line in lines),
        "false_ends": sum(line.false_ends for line in lines),
        "with_filler": sum(line.filler for line in answered),
        "ran_dry": sum(line.dry_ms > 1 for line in answered),
        "latency_ms": spread(line.latency_ms for line in answered),
        "stages_ms": {stage: spread(line.timings.get(f"{stage}_ms") for line in answered) for stage in STAGES},
    }


def _interruptions(lines: Sequence[Line]) -> dict[str, Any]:
    all_of_them = [line.interruption for line in lines if line.interruption is not None]
    by_message = [one for one in all_of_them if one.by == "message"]
    by_voice = [one for one in all_of_them if one.by == "voice"]
    return {
        "message_to_stop_ms": spread(one.stop_ms for one in by_message),
        "message_to_idle_ms": spread(one.idle_ms for one in by_message),
        "engines_busy": sum(one.busy is True for one in by_message),
        "voice_to_stop_ms": spread(one.stop_ms for one in by_voice),
        "voice_to_stop_beyond_ms": spread(
            one.stop_ms - VOICE_MS if one.stop_ms is not None else None for one in by_voice
        ),
        "deciding_frame_to_stop_ms": spread(one.decided_ms for one in by_voice),
        "ignored": sum(one.stop_ms is None for one in all_of_them),
    }


def _compared(lines: Sequence[Line], others: Sequence[Whole]) -> dict[str, Any] | None:
    if not others:
        return None
    ours = spread(line.latency_ms for line in lines if line.outcome == "answered")
    theirs = spread(other.total_ms for other in others)
    waiting = spread(other.total_ms + END_OF_TURN_MS for other in others)
    return {
        "end_of_turn_ms": END_OF_TURN_MS,
        "without_end_of_turn_ms": theirs,
        "with_end_of_turn_ms": waiting,
        "stages_ms": {
            "stt": spread(other.stt_ms for other in others),
            "llm": spread(other.llm_ms for other in others),
            "tts": spread(other.tts_ms for other in others),
        },
        "ratio_without_end_of_turn": _ratio(ours, theirs),
        "ratio_with_end_of_turn": _ratio(ours, waiting),
    }


def _ratio(ours: Mapping[str, float] | None, theirs: Mapping[str, float] | None) -> float | None:
    return round(ours["p50"] / theirs["p50"], 3) if ours and theirs else None


def _percent(work: Work) -> float | None:
    return None if work.percent is None else _tenths(work.percent)


def _tenths(value: float) -> float:
    return round(float(value), 1)
