"""OpenTelemetry: the spans of a turn, and that they leave the machine only for where the person says."""

import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from npc_runtime.errors import InputError, MissingPackageError
from npc_runtime.events import Usage
from npc_runtime.otel import TurnSpans, exporter
from npc_runtime.traces import Traces, TurnRecord

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra `opentelemetry` is not installed")

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
END = int(datetime(2026, 10, 31, 12, 0, 5, 250_000, tzinfo=UTC).timestamp()) * 1_000_000_000 + 250_000_000
RECORD = TurnRecord(
    at="2026-10-31T12:00:05.250Z",
    session="s1",
    turn=3,
    character="brynja",
    spoken=True,
    reason="done",
    # In the order they were marked for this turn: the words were known before the silence was long enough.
    marks={
        "stt": 180.5,
        "endpoint": 260,
        "first_token": 400,
        "first_clause": 520,
        "first_audio": 610.25,
        "total": 1900,
    },
    ended_ms=4250,
    audio_ms=3600,
    usage=Usage(model="smollm2-135m-q4", prompt_tokens=310, completion_tokens=24),
)


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine that runs the tests."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


def spans(record: TurnRecord) -> list[Any]:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory = InMemorySpanExporter()
    TurnSpans(memory)(record)
    return list(memory.get_finished_spans())


def test_stages_follow_each_other_at_the_right_times() -> None:
    turn, *stages = spans(RECORD)
    origin = END - 4_250_000_000
    assert (turn.name, turn.start_time, turn.end_time, turn.parent) == ("npc.turn", origin, END, None)
    assert [(stage.name, stage.start_time - origin, stage.end_time - origin) for stage in stages] == [
        ("npc.stt", 0, 180_500_000),
        ("npc.endpoint", 180_500_000, 260_000_000),
        ("npc.think", 260_000_000, 400_000_000),
        ("npc.first_clause", 400_000_000, 520_000_000),
        ("npc.first_audio", 520_000_000, 610_250_000),
        ("npc.rest", 610_250_000, 1_900_000_000),
    ]
    assert {stage.parent.span_id for stage in stages} == {turn.context.span_id}
    assert {span.context.trace_id for span in (turn, *stages)} == {turn.context.trace_id}


def test_attributes_have_the_names_of_the_conventions() -> None:
    turn, *stages = spans(RECORD)
    assert dict(turn.attributes) == {
        "gen_ai.conversation.id": "s1",
        "gen_ai.request.model": "smollm2-135m-q4",
        "gen_ai.usage.input_tokens": 310,
        "gen_ai.usage.output_tokens": 24,
        "npc.character": "brynja",
        "npc.turn": 3,
        "npc.spoken": True,
        "npc.reason": "done",
        "npc.audio_ms": 3600,
    }
    assert all(not stage.attributes for stage in stages)
    assert turn.status.is_ok or turn.status.is_unset
    assert turn.resource.attributes["service.name"] == "npc-runtime"


def test_a_turn_that_failed_is_an_error_without_a_model() -> None:
    failed = TurnRecord(
        at=RECORD.at, session="s1", turn=4, character="brynja", spoken=False, reason="failed", marks={}, ended_ms=12.5
    )
    (turn,) = spans(failed)
    assert turn.status.status_code.name == "ERROR"
    assert turn.end_time - turn.start_time == 12_500_000
    assert not any(name.startswith(("gen_ai.request", "gen_ai.usage")) for name in turn.attributes)


def test_turns_are_separate_traces() -> None:
    assert spans(RECORD)[0].context.trace_id != spans(RECORD)[0].context.trace_id


def test_the_persons_own_name_and_sampler_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "my-game")
    assert spans(RECORD)[0].resource.attributes["service.name"] == "my-game"
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert spans(RECORD) == []


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {ENDPOINT: " "},
        {ENDPOINT: "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"},
        {ENDPOINT: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_exported_unasked(environ: dict[str, str]) -> None:
    assert exporter(environ) is None


@pytest.mark.parametrize("name", [ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
@pytest.mark.parametrize(
    ("hidden", "package"),
    [
        ("opentelemetry.sdk.trace", "opentelemetry-sdk"),
        ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry-exporter-otlp-proto-http"),
    ],
)
def test_an_endpoint_without_the_packages(
    monkeypatch: pytest.MonkeyPatch, name: str, hidden: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, hidden, None)
    with pytest.raises(MissingPackageError, match=f"{package} is not installed") as failure:
        exporter({name: "http://127.0.0.1:4318"})
    assert "pip install 'npc-runtime[opentelemetry]'" in failure.value.hint


def test_another_protocol_is_refused() -> None:
    with pytest.raises(InputError, match="by grpc, which OTEL_EXPORTER_OTLP_PROTOCOL asks for") as failure:
        exporter({ENDPOINT: "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert "http/protobuf" in failure.value.hint


class Collector(HTTPServer):
    """Keeps the requests that it gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.requests: list[tuple[str, str, bytes]] = []


class Answer(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, self.headers["Content-Type"], body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_collector_gets_each_turn_in_one_request(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{collector.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    export = exporter()
    assert export is not None
    with Traces(exporters=[export]) as traces:
        traces.add(RECORD)
        traces.add(RECORD)
    assert [request[:2] for request in collector.requests] == [("/v1/traces", "application/x-protobuf")] * 2
    sent = ExportTraceServiceRequest.FromString(collector.requests[0][2])
    found = sent.resource_spans[0].scope_spans[0].spans
    assert [span.name for span in found][:2] == ["npc.turn", "npc.stt"]
    assert {span.end_time_unix_nano for span in found if span.name == "npc.turn"} == {END}
