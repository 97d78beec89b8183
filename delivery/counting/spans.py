"""Spans for OpenTelemetry, where a collector is named; elsewhere nothing of it is loaded, and nothing costs.

A span has ids and classes. No exception is recorded in one: its words quote addresses.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, Protocol

from django.conf import settings

from delivery.counting import context

_CARRIED: Final = {"traceparent": "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}
_IDS: Final = "gomail."  # begins the names of context's ids
log = logging.getLogger(__name__)


class Span(Protocol):
    """What a span is told."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Note something of it."""

    def update_name(self, name: str) -> None:
        """Call it otherwise."""

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Say whether it failed."""


@contextmanager
def span(name: str, *, kind: str, environ: Mapping[str, Any] | None = None) -> Iterator[Span | None]:
    """Begin a span, as a part of the caller's trace if a request's environ names one; None where there are none."""
    tracer = _tracer()
    if tracer is None:
        yield None
        return
    with _started(tracer, name, kind, environ or {}) as begun:
        try:
            yield begun
        except Exception as error:
            fail(begun, type(error).__name__)
            raise
        finally:
            for key, value in context.current().items():
                begun.set_attribute(_IDS + key, value)


def fail(begun: Span | None, error: str) -> None:
    """Say that it failed, by the class of the error."""
    if begun is not None:
        from opentelemetry.trace import StatusCode

        begun.set_attribute("error.type", error)
        begun.set_status(StatusCode.ERROR)


def _started(tracer: Any, name: str, kind: str, environ: Mapping[str, Any]) -> Any:
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carried = {header: environ[key] for header, key in _CARRIED.items() if key in environ}
    return tracer.start_as_current_span(
        name,
        context=TraceContextTextMapPropagator().extract(carried) if carried else None,
        kind=SpanKind[kind],
        record_exception=False,
        set_status_on_exception=False,
    )


@cache
def _tracer() -> Any:
    """Return what makes spans in this process; its thread starts at the first one, after any fork."""
    if not settings.GOMAIL_TRACING:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning(
            "A collector of traces is named, and requirements/tracing.txt is not installed: no traces."
        )
        return None
    named = Resource.create({"service.version": settings.GOMAIL_VERSION} | _service())
    provider = TracerProvider(resource=named)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("gomail", settings.GOMAIL_VERSION)


def _service() -> dict[str, str]:
    return {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "gomail"}
