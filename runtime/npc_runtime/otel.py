"""OpenTelemetry: turns as spans, sent to the collector that the person has named, and to nobody otherwise.

Each turn is a span `npc.turn` with one child per stage, named by `STAGES`. A stage begins where the one before it was
reached, so the children follow each other without a gap. The names of attributes are those of the semantic conventions
for generative AI where they have one.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from npc_runtime import __version__
from npc_runtime.errors import InputError, MissingPackageError
from npc_runtime.traces import TurnRecord

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

STAGES = {
    "endpoint": "npc.endpoint",
    "stt": "npc.stt",
    "first_token": "npc.think",
    "first_clause": "npc.first_clause",
    "first_audio": "npc.first_audio",
    "total": "npc.rest",
}
"""Mark that ends a stage → name of its span; other marks give `npc.` and their own name."""
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TurnSpans:
    """Makes spans of turns and hands them over, all those of a turn at once; waits until they are taken.

    Args:
        exporter: Takes the spans.

    Raises:
        MissingPackageError: The OpenTelemetry SDK is not installed.
    """

    def __init__(self, exporter: "SpanExporter") -> None:
        try:
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource
            from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
        except ImportError as error:
            raise _missing(error) from error
        resource = Resource.create({"service.name": "npc-runtime", "service.version": __version__})
        named = OTELResourceDetector().detect()  # what the person calls it goes before what it calls itself
        # Without the hook at exit, which would wait for a collector that is not there.
        provider = TracerProvider(resource=resource.merge(named), shutdown_on_exit=False)
        self._tracer = provider.get_tracer("npc_runtime", __version__)
        self._recording = ReadableSpan
        self._exporter = exporter

    def __call__(self, record: TurnRecord) -> None:
        """Export one turn."""
        from opentelemetry.context import Context
        from opentelemetry.trace import StatusCode, set_span_in_context

        end = (datetime.fromisoformat(record.at) - _EPOCH) // timedelta(microseconds=1) * 1000
        origin = end - _nanoseconds(record.ended_ms)
        turn = self._tracer.start_span(
            "npc.turn", Context(), start_time=origin, attributes=_attributes(record), record_exception=False
        )
        if record.reason == "failed":
            turn.set_status(StatusCode.ERROR)
        spans = [turn]
        begun = origin
        for mark, after in sorted(record.marks.items(), key=lambda item: item[1]):
            reached = origin + _nanoseconds(after)
            name = STAGES.get(mark, f"npc.{mark}")
            stage = self._tracer.start_span(name, set_span_in_context(turn, Context()), start_time=begun)
            stage.end(reached)
            spans.append(stage)
            begun = reached
        turn.end(end)
        # A turn that the person's sampler left out has no spans to send.
        kept = [span for span in spans if isinstance(span, self._recording)]
        if kept:
            self._exporter.export(kept)


def exporter(environ: Mapping[str, str] = os.environ) -> TurnSpans | None:
    """What sends turns to the person's collector: one OTLP request per turn, with retries of the SDK's own.

    The variables of the OpenTelemetry standard apply. Naming an endpoint is what asks for it.

    Args:
        environ: Where it is looked up whether to export; the rest, such as headers, the SDK reads from the process.

    Returns:
        None if no endpoint is named, or the standard's switches are off.

    Raises:
        MissingPackageError: An endpoint is named and the packages of the extra `opentelemetry` are not installed.
        InputError: A protocol is asked for that is not spoken here.
    """
    named = next((name for name in _ENDPOINTS if environ.get(name, "").strip()), "")
    wanted = [part.strip() for part in (environ.get("OTEL_TRACES_EXPORTER") or "otlp").split(",")]
    if not named or "otlp" not in wanted or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    variable = next((name for name in _PROTOCOLS if environ.get(name, "").strip()), "")
    if variable and environ[variable].strip() != _PROTOCOL:
        raise InputError(
            f"Turns cannot be exported by {environ[variable].strip()}, which {variable} asks for.",
            hint=f"Set it to {_PROTOCOL}, and {named} to the collector's HTTP port, usually 4318.",
        )
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise _missing(error, named) from error
    return TurnSpans(OTLPSpanExporter())


def _missing(error: ImportError, named: str = "") -> MissingPackageError:
    why = f", and {named} asks for it" if named else ""
    package = "opentelemetry-exporter-otlp-proto-http" if "exporter" in (error.name or "") else "opentelemetry-sdk"
    return MissingPackageError(
        f"Turns cannot be exported: the Python package {package} is not installed{why}.",
        hint="Install it: pip install 'npc-runtime[opentelemetry]'" + (f"; or unset {named}." if named else ""),
    )


def _nanoseconds(milliseconds: float) -> int:
    return round(milliseconds * 1_000_000)


def _attributes(record: TurnRecord) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "gen_ai.conversation.id": record.session,
        "npc.character": record.character,
        "npc.turn": record.turn,
        "npc.spoken": record.spoken,
        "npc.reason": record.reason,
        "npc.audio_ms": record.audio_ms,
    }
    if record.usage is not None:
        attributes |= {
            "gen_ai.request.model": record.usage.model,
            "gen_ai.usage.input_tokens": record.usage.prompt_tokens,
            "gen_ai.usage.output_tokens": record.usage.completion_tokens,
        }
    return attributes
