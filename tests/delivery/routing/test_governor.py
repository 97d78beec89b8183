"""Emails and a provider's quota: they wait, they come back, or the next provider takes over before it is used up."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.db import clock
from delivery.models import Attempt, Circuit, Email, ProviderQuota
from delivery.queue import notifier
from delivery.queue.fairness import FairQueue
from delivery.routing import governor, lines
from delivery.routing.lines import A_SECOND, Slot
from delivery.submission import emails
from delivery.workers import celery_tasks, embedded
from tests import fakes
from tests.delivery.factories import BOB, EVE, queued

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
AN_HOUR = 3600 * A_SECOND


def told(**fields: Any) -> ProviderQuota:
    """Let SES have told of a quota; by default of 50 recipients a second."""
    given = {"every": A_SECOND // 50, "told_at": timezone.now(), **fields}
    row, _ = ProviderQuota.objects.update_or_create(provider="ses", defaults=given)
    governor.forget()
    return row


def busy() -> None:
    """Let all of the rate be given out for the next minute, as a mail to many does."""
    told(every=2 * A_SECOND, next_at=clock.nanoseconds() + 60 * A_SECOND)


def work() -> int:
    return embedded.hand_over(threading.Event(), FairQueue())


def state(email: Email) -> tuple[str, str, int]:
    email.refresh_from_db()
    return email.status, email.provider, email.attempts.count()


def test_nine_tenths_of_the_day_go_to_all_and_the_rest_to_high_priority(api: fakes.Api) -> None:
    told(day=100, used=87)
    sent = [api.send(priority=word).json()["provider"] for word in ("normal",) * 5 + ("high",) * 2]
    assert sent == ["ses", "ses", "ses", "sendgrid", "sendgrid", "ses", "ses"]


def test_a_day_that_is_used_up_is_nobodys(api: fakes.Api) -> None:
    told(day=100, used=100)
    assert api.send(priority="high").json()["provider"] == "sendgrid"


def test_every_recipient_costs(api: fakes.Api) -> None:
    row = told(day=100, used=80)
    to = [f"{number}@example.org" for number in range(8)]
    sent = [api.send(to_addresses=to).json()["provider"] for _ in range(2)]
    row.refresh_from_db()
    assert (sent, row.taken) == (["ses", "sendgrid"], 8)


def test_a_client_waits_a_moment_and_then_the_next_provider_has_its_email(api: fakes.Api) -> None:
    busy()
    answer = api.send().json()
    email = Email.objects.get()
    assert (answer["status"], answer["provider"]) == ("sent", "sendgrid")
    assert email.left_out["ses"] == "ses sends as fast as its account may."


def test_where_there_is_no_other_provider_the_email_is_kept(api: fakes.Api, settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    busy()
    answer = api.send()
    email = Email.objects.get()
    assert (answer.status_code, *state(email)) == (202, "queued", "", 0)
    assert email.due_at
    assert email.due_at > timezone.now()
    assert not Circuit.objects.exists()


def test_what_a_worker_has_waits_for_the_rate_without_being_claimed() -> None:
    busy()
    email = queued()
    assert (work(), *state(email), email.epoch) == (0, "queued", "", 0, 1)


def test_what_a_worker_has_goes_to_the_next_provider_where_its_deadline_would_pass() -> None:
    busy()
    calm = queued()
    hurried = queued(expires_at=timezone.now() + timedelta(seconds=3))
    work()
    assert (state(hurried), state(calm)[0]) == (("sent", "sendgrid", 1), "queued")


def test_what_a_worker_has_goes_to_the_next_provider_when_the_day_is_nearly_used() -> None:
    told(day=100, used=90)
    normal, high = queued(), queued(priority="high")
    work()
    assert (state(normal)[1], state(high)[1]) == ("sendgrid", "ses")


def test_without_another_provider_the_last_tenth_waits_for_high_priority(settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    told(day=100, used=90)
    normal, high = queued(), queued(priority="high")
    work()
    assert (state(normal), state(high)) == (("queued", "", 0), ("sent", "ses", 1))


def test_a_mail_to_more_than_the_rate_has_room_for_comes_back_later() -> None:
    row = told(next_at=clock.nanoseconds() + A_SECOND // 4)
    email = queued()
    for box in (BOB, EVE) * 5:
        email.recipients.create(kind="to", address=box.address, canonical=box.address)
    work()
    row.refresh_from_db()
    assert (state(email)[:2], row.taken >= 11) == (("sent", "ses"), True)


def test_a_task_of_celery_waits_as_well() -> None:
    busy()
    calm = queued()
    hurried = queued(expires_at=timezone.now() + timedelta(seconds=3))
    celery_tasks._hand_over(calm.pk)
    celery_tasks._hand_over(calm.pk)
    assert (state(calm)[0], state(hurried)[1]) == ("queued", "sendgrid")


def test_a_task_of_celery_that_waited_is_the_last_of_the_queue(settings: Any, monkeypatch: Any) -> None:
    settings.CELERY_BROKER_URL = "amqp://guest:guest@127.0.0.1:1/"
    told_again: list[Any] = []
    monkeypatch.setattr(notifier._notifier, "tell", told_again.extend)
    email = queued()
    monkeypatch.setattr(governor, "PATIENCE", 0.01)
    told(every=A_SECOND // 50, next_at=clock.nanoseconds() + 2 * A_SECOND)
    celery_tasks._hand_over(email.pk)
    assert told_again == []  # it is not worth it yet
    monkeypatch.setattr(governor, "comes_soon", lambda lane: True)
    celery_tasks._hand_over(email.pk)
    assert told_again == [("normal", str(email.pk))]


def test_waiting_is_no_attempt_and_opens_no_circuit() -> None:
    busy()
    queued()
    work()
    assert not Attempt.objects.exists()
    assert not Circuit.objects.exists()


def test_a_throttle_has_the_vendor_asked_again(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    row = told()
    ses.default = fakes.SES_THROTTLING
    api.send()
    row.refresh_from_db()
    assert row.throttled_at


def test_an_installation_without_quotas_asks_for_none(api: fakes.Api, settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("sendgrid",)
    with CaptureQueriesContext(connection) as asked:
        api.send()
        queued()
        work()
    assert not [query for query in asked.captured_queries if "providerquota" in query["sql"]]


def test_an_account_that_tells_of_no_quota_is_looked_up_once_a_second(api: fakes.Api) -> None:
    api.send()
    with CaptureQueriesContext(connection) as asked:
        api.send()
    assert not [
        query for query in asked.captured_queries if "UPDATE" in query["sql"] and "quota" in query["sql"]
    ]


def test_a_permit_that_was_not_used_is_there_for_the_next_email() -> None:
    row = told()
    permit = governor.permit("normal")
    assert permit
    permit.give_back()
    permit.give_back()
    queued()
    work()
    row.refresh_from_db()
    assert row.taken <= 2


def test_a_moment_that_is_far_away_is_of_another_clock_and_not_waited_for(monkeypatch: Any) -> None:
    slept: list[float] = []
    monkeypatch.setattr(governor.time, "sleep", slept.append)
    governor.wait_for(Slot(at=clock.nanoseconds() + AN_HOUR))
    governor.wait_for(Slot(at=clock.nanoseconds() - AN_HOUR))
    assert slept == [6.0, 0.0]


def test_an_outage_at_the_moment_of_the_call_leaves_no_attempt_in_doubt(monkeypatch: Any) -> None:
    """Its row is durable and nobody was asked: at most once would be in doubt for ever, without a reason."""
    told()
    email = queued(on_ambiguous="stop")

    def away(*_: object) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(governor, "renewed", away)
    work()
    assert state(email) == ("sent", "ses", 1)


def test_a_moment_is_given_back_also_while_the_database_is_away(monkeypatch: Any) -> None:
    told()
    permit = governor.permit("normal")

    def away(*_: object) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(lines.Line, "known", away)
    assert permit
    permit.give_back()


def test_an_email_that_could_not_be_stored_gives_its_moment_back(api: fakes.Api, monkeypatch: Any) -> None:
    row = told(every=A_SECOND // 4)

    def away(*_: object) -> None:
        raise OperationalError("the connection is closed")

    with monkeypatch.context() as patched:
        patched.setattr(emails, "_save", away)
        assert api.send().status_code == 503
    assert api.send().json()["provider"] == "ses"
    row.refresh_from_db()
    assert row.taken == 1
