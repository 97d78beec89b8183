"""health/live and health/ready: for everybody, and telling nothing that is not for everybody."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.db import OperationalError, connection
from django.test import Client

from delivery.db import clock
from delivery.models import Circuit, ProviderCheck, Worker
from delivery.monitoring import readiness
from delivery.queue import heartbeats
from delivery.routing import circuit_cache, circuits
from tests import fakes
from tests.delivery.factories import queued

WELL = {"state": "in use", "check": "not asked"}


@pytest.fixture(autouse=True)
def a_worker(request: pytest.FixtureRequest) -> None:
    """Let a worker be running, for tests that have a database."""
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        heartbeats.beat(threads=1)


def ready(expected: int = 200) -> Any:
    answer = Client().get("/health/ready")
    assert answer.status_code == expected
    return answer.json()


def broken(execute: Callable[..., Any], *arguments: Any) -> NoReturn:
    raise OperationalError("could not connect to server at 10.0.0.5, user gomail")


def test_liveness_asks_no_database_and_no_key() -> None:
    answer = Client().get("/health/live")  # the test has no right to the database
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_it_is_never_cached_answers_head_and_knows_no_other_method(path: str) -> None:
    client = Client()
    assert client.get(path)["Cache-Control"] == "no-store"
    assert (client.head(path).status_code, client.head(path).content) == (200, b"")
    refused = client.post(path)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_a_foreign_host_is_refused_as_on_any_path(path: str) -> None:
    assert Client().get(path, headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_it_is_ready_when_nothing_is_wrong() -> None:
    assert ready() == {
        "status": "ready",
        "database": "ok",
        "queue": "ok",
        "disk": "ok",
        "scanner": "off",
        "clock": "ok",
        "workers": 1,
        "providers": {"ses": WELL, "sendgrid": WELL},
    }


@pytest.mark.django_db
def test_a_fresh_installation_with_the_sandbox_is_ready() -> None:
    readiness.check_due()
    found = ready()
    assert (found["status"], found["providers"]) == (
        "ready",
        {"sandbox": {"state": "in use", "check": "ready"}},
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_without_a_worker_emails_are_taken_on_but_what_waits_is_not_sent() -> None:
    Worker.objects.all().delete()
    assert (ready()["status"], ready()["workers"]) == ("degraded", 0)


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_a_full_queue_is_no_time_to_send_more_here(settings: Any) -> None:
    settings.GOMAIL_QUEUE_MAX = 2
    queued(), queued()
    assert (ready(503)["status"], ready(503)["queue"]) == ("unavailable", "full")
    assert Client().get("/health/live").status_code == 200


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_a_disk_that_is_nearly_full_is_no_time_to_send_more_here(settings: Any) -> None:
    settings.GOMAIL_DISK_MIN_MB = 10**9
    assert (ready(503)["status"], ready(503)["disk"]) == ("unavailable", "nearly full")


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_a_provider_in_trouble_degrades_and_does_not_take_the_service_away() -> None:
    circuits.take_out("ses", by="ann@corp.example", reason="see bob@corp.example")
    found = ready()
    assert (found["status"], found["providers"]["ses"]["state"]) == ("degraded", "out of service")
    circuits.take_out("sendgrid", by="ann")
    assert ready()["status"] == "degraded"


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_a_pause_is_named_and_is_no_trouble() -> None:
    Circuit.objects.create(provider="ses", paused_until="2999-01-01T00:00Z")
    circuit_cache.forget()
    assert (ready()["status"], ready()["providers"]["ses"]["state"]) == ("ready", "paused")


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_a_check_that_failed_is_told_without_its_words_and_degrades_nothing_while_mail_goes_on() -> None:
    ProviderCheck.objects.create(provider="ses")
    ProviderCheck.objects.create(provider="sendgrid", problems=["bob@example.com: the key SG.x is bad"])
    answer = Client().get("/health/ready")
    verdicts = {name: told["check"] for name, told in answer.json()["providers"].items()}
    assert (answer.json()["status"], verdicts) == ("ready", {"ses": "ready", "sendgrid": "failed"})
    assert answer.json()["providers"]["sendgrid"]["state"] == "in use"
    assert b"bob" not in answer.content
    assert b"SG.x" not in answer.content


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_no_provider_is_asked(ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor) -> None:
    ready()
    assert (ses.connections, sendgrid.connections) == (0, 0)


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_a_database_that_cannot_be_used_is_503_without_its_words() -> None:
    with connection.execute_wrapper(broken):
        answer = Client().get("/health/ready")
        assert Client().get("/health/live").status_code == 200
    assert answer.status_code == 503
    parts = dict.fromkeys(("queue", "disk", "scanner", "clock"), "not known")
    unknown = {**parts, "workers": 0, "providers": {}}
    assert answer.json() == {"status": "unavailable", "database": "cannot be used", **unknown}
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_a_database_without_the_last_migrations_is_503() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'delivery' AND name LIKE '0003%%'")
    assert ready(503)["database"] == "not migrated"


@pytest.mark.django_db
def test_without_any_provider_no_email_is_taken_on(settings: Any) -> None:
    settings.GOMAIL_PROVIDERS, settings.PROVIDER_SECRETS = (), {}
    assert ready(503)["status"] == "unavailable"


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_a_provider_that_cannot_be_asked_is_not_called_ready() -> None:
    ProviderCheck.objects.create(provider="ses", can_be_asked=False)

    assert Client().get("/health/ready").json()["providers"]["ses"]["check"] == "not asked"


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize("folder", ["journal", "attachments"])
def test_a_folder_that_cannot_be_written_turns_it_red_and_is_named(
    tmp_path: Path, monkeypatch: Any, folder: str
) -> None:
    asked, read_only = os.access, tmp_path / folder
    read_only.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != read_only and asked(path, mode))
    found = ready(503)
    assert (found["status"], found["disk"]) == ("unavailable", f"cannot be written: {folder}")


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize(
    ("seconds", "says"), [(600, "600 s ahead of the database's"), (-600, "600 s behind the database's")]
)
def test_a_clock_that_is_wrong_is_said_and_stops_nothing(monkeypatch: Any, seconds: float, says: str) -> None:
    monkeypatch.setattr(clock, "ahead", lambda: seconds)
    assert (ready()["status"], ready()["clock"]) == ("degraded", says)
