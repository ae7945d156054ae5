"""The figures of a run as a table that a person reads."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_STAGES = {
    "endpoint": "the turn is over",
    "stt": "words known",
    "first_token": "first word thought",
    "first_clause": "first clause",
    "first_audio": "first sound made",
    "total": "all sound made",
}
_COLUMNS = ("p50", "p95", "max")
_NAME = 48
_CELL = 8


def table(figures: Mapping[str, Any]) -> str:
    """A readable account of `figures.summary`."""
    return "\n".join(_lines(figures)) + "\n"


def _lines(figures: Mapping[str, Any]) -> Iterator[str]:
    machine = figures["machine"]
    busy = f", {machine['busy_cores']} of them kept busy" if machine["busy_cores"] else ""
    yield f"npc-runtime {figures['runtime']} on {machine['system']}, {machine['cores']} cores{busy}"
    yield f"with {' and '.join(figures['characters'])}"
    yield from _block("since the player's last voiced sample, ms", figures["spoken"])
    yield from _block("since the player's words were sent, ms", figures["typed"])
    yield from _interruptions(figures["interruptions"])
    yield from _compared(figures["one_after_another"])
    yield from _server(figures["server"])
    late = figures["microphone_late_ms"]
    if late:
        yield _row("lateness of our own microphone, ms", late)
    yield from _problems(figures)


def _block(title: str, block: Mapping[str, Any] | None) -> Iterator[str]:
    if block is None:
        return
    yield from _head(title)
    for stage, spread in block["stages_ms"].items():
        if spread:
            yield _row(_STAGES[stage], spread)
    if block["latency_ms"]:
        yield _row("FIRST AUDIBLE SAMPLE at the game", block["latency_ms"])
    yield f"  {block['answered']} of {block['turns']} turns answered, {block['lost']} lost"
    for key, what in (
        ("disturbed", "not counted: the benchmark itself was not let run meanwhile"),
        ("answered_too_early", "answered before the player had finished, and not again"),
        ("false_ends", "× a pause was taken for the end"),
        ("with_filler", "with a filler"),
        ("ran_dry", "ran out of sound in the middle of the answer"),
    ):
        if block[key]:
            yield f"  {block[key]} {what}"


def _interruptions(found: Mapping[str, Any]) -> Iterator[str]:
    rows = (
        ("`interrupt` to speech.stop", "message_to_stop_ms"),
        ("`interrupt` to all engines idle", "message_to_idle_ms"),
        ("first voiced sample to speech.stop", "voice_to_stop_ms"),
        ("  beyond the 250 ms that make it a voice", "voice_to_stop_beyond_ms"),
        ("  from the frame that decides", "deciding_frame_to_stop_ms"),
    )
    if not found["ignored"] and not any(found[key] for _, key in rows):
        return
    yield from _head("interruptions, ms")
    for name, key in rows:
        if found[key]:
            yield _row(name, found[key])
    if found["ignored"]:
        yield f"  {found['ignored']} ignored"


def _compared(found: Mapping[str, Any] | None) -> Iterator[str]:
    if found is None:
        return
    wait = f"{found['end_of_turn_ms']:.0f} ms"
    yield from _head("the same engines one after the other, ms")
    for name, key in (("speech to text", "stt"), ("language model", "llm"), ("voice", "tts")):
        if found["stages_ms"][key]:
            yield _row(name, found["stages_ms"][key])
    yield _row("first audible sample, without any wait", found["without_end_of_turn_ms"])
    yield _row(f"first audible sample, after {wait} of silence", found["with_end_of_turn_ms"])
    for name, key in (
        ("our median / theirs without any wait", "ratio_without_end_of_turn"),
        (f"our median / theirs after {wait} of silence", "ratio_with_end_of_turn"),
    ):
        if found[key] is not None:
            yield f"  {name:{_NAME}}{found[key]:>{_CELL}.2f}"


def _server(server: Mapping[str, Any]) -> Iterator[str]:
    yield from _head("the runtime")
    if server["own_ms"]:
        yield _row("our own code until the first sound, ms of CPU", server["own_ms"])
    if lag := server["loop_lag_ms"]:
        yield _fact("lag of the event loop, ms", ", ".join(f"{name} {value:.1f}" for name, value in lag.items()))
    percent = server["cpu_percent"]
    shares = [f"{value:.1f} % {name}" for name, value in percent.items() if value is not None]
    if shares:
        yield _fact("CPU, of one core", ", ".join(shares))
    if server["cpu_seconds_per_turn"] is not None:
        yield _fact("CPU per turn", f"{server['cpu_seconds_per_turn']:.2f} s")
    memory = server["memory"]
    kind = "shared pages once" if memory["kind"] == "pss" else "shared pages several times"
    yield _fact(f"memory of all processes ({kind})", f"{memory['peak_mb']} MB at most")
    yield _fact("  at first, at last", f"{memory['first_mb']} MB, {memory['last_mb']} MB")


def _problems(figures: Mapping[str, Any]) -> Iterator[str]:
    bad = [line for line in figures["lines"] if line["outcome"] != "answered"]
    if bad:
        yield ""
        yield "not answered as they should be"
    for line in bad:
        yield f"  {line['character']}, {line['said']!r}: {line['outcome']}{': ' + line['why'] if line['why'] else ''}"
    for error in figures["errors"]:
        yield f"  the server said: {error}"


def _head(title: str) -> Sequence[str]:
    return "", f"{title:{_NAME + 2}}" + "".join(f"{column:>{_CELL}}" for column in (*_COLUMNS, "n"))


def _row(name: str, spread: Mapping[str, float]) -> str:
    cells = "".join(f"{_number(spread[column]):>{_CELL}}" for column in _COLUMNS)
    return f"  {name:{_NAME}}{cells}{spread['n']:>{_CELL}.0f}"


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 10 else f"{value:.0f}"


def _fact(name: str, value: str) -> str:
    return f"  {name:{_NAME}}  {value}"
