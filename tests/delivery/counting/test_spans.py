"""Spans: one for a request, one for each attempt in it, with ids and without anybody's address."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from delivery.counting import spans
from tests import fakes
from tests.providers.fault_server import answer

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What a collector would get."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(spans, "_tracer", lambda: provider.get_tracer("tests"))
    yield exporter
    provider.shutdown()


@pytest.mark.usefixtures("providers")
def test_a_send_is_a_span_with_one_for_each_attempt(
    api: fakes.Api, ses: fakes.FakeVendor, kept: InMemorySpanExporter
) -> None:
    ses.script(answer(503, {"message": "down for ann.canary@example.org"}))
    api.client.defaults["HTTP_TRACEPARENT"] = f"00-{TRACE}-{PARENT}-01"
    sent = api.send(to_addresses="ann.canary@example.org", subject="canary").json()
    failed, accepted, request = kept.get_finished_spans()
    assert [one.name for one in (failed, accepted, request)] == [
        "email.send", "email.send", "POST api/v1/email-service/send-email/",
    ]  # fmt: skip
    assert {f"{one.context.trace_id:032x}" for one in (failed, accepted, request)} == {TRACE}
    assert failed.parent.span_id == accepted.parent.span_id == request.context.span_id
    assert f"{request.parent.span_id:016x}" == PARENT
    assert (failed.status.is_ok, accepted.status.is_ok, request.status.is_ok) == (False, True, True)
    assert [one.attributes["gomail.provider"] for one in (failed, accepted)] == ["ses", "sendgrid"]
    assert {one.attributes["gomail.email"] for one in (failed, accepted, request)} == {sent["id"]}
    assert request.attributes["http.response.status_code"] == 200
    assert "canary" not in "".join(one.to_json() for one in kept.get_finished_spans())


@pytest.mark.django_db
def test_what_opens_something_is_in_no_span(kept: InMemorySpanExporter) -> None:
    Client().get("/u/a-canary-token")
    (request,) = kept.get_finished_spans()
    assert request.name == "GET u/<str:token>"
    assert "canary" not in request.to_json()


def test_nothing_is_loaded_where_no_collector_is_named(settings: Any) -> None:
    assert settings.GOMAIL_TRACING is False
    with spans.span("email.send", kind="CLIENT") as begun:
        assert begun is None


def test_a_collector_without_the_extra_is_said_once_and_stops_nothing(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GOMAIL_TRACING = True
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    spans._tracer.cache_clear()
    try:
        for _ in range(2):
            with spans.span("email.send", kind="CLIENT") as begun:
                assert begun is None
    finally:
        spans._tracer.cache_clear()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "requirements/tracing.txt is not installed" in caplog.text
