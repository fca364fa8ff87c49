"""Traces for whoever collects them with OpenTelemetry: requests, commits, runs, deliveries.

Without the extra ``tracing``, or before ``trace_to``, everything here costs one comparison. No attribute
names a profile: counts, sources and outcomes only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mailwright.errors import MissingExtraError

_tracer: Any = None
"""Of this process; None: nobody collects."""


def trace_to(provider: Any) -> None:
    """From now on spans go to this ``TracerProvider``; None: to nobody."""
    global _tracer
    _tracer = None if provider is None else provider.get_tracer("mailwright.triggers")


@contextmanager
def exported_traces(environ: Mapping[str, str]) -> Iterator[bool]:
    """Send spans over OTLP (HTTP) while inside, where ``OTEL_EXPORTER_OTLP_ENDPOINT`` names a collector; the
    exporter reads the other variables of its specification itself. Whether it does.

    Raises MissingExtraError when a collector is named and the extra is not installed.
    """
    if not (environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        yield False
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingExtraError("opentelemetry-sdk", extra="tracing", needed_for="traces") from error
    name = environ.get("OTEL_SERVICE_NAME", "mailwright")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace_to(provider)
    try:
        yield True
    finally:
        trace_to(None)
        provider.shutdown()


@contextmanager
def span(
    name: str, *, headers: Mapping[str, str] | None = None, links: Sequence[Any] = (), **attributes: Any
) -> Iterator[Any]:
    """Something that takes time. ``headers`` are those of a request, whose ``traceparent`` it continues;
    ``links`` come from ``here``. Gives the span, or None where nobody collects."""
    if _tracer is None:
        yield None
        return
    from opentelemetry import propagate, trace

    parent = None if headers is None else propagate.extract(headers)
    known = [trace.Link(one) for one in links if one is not None]
    with _tracer.start_as_current_span(name, context=parent, links=known, attributes=attributes) as found:
        yield found


def here() -> Any:
    """What ``links`` needs to point to the span that is under way; None: there is none."""
    if _tracer is None:
        return None
    from opentelemetry import trace

    return trace.get_current_span().get_span_context()
