"""Whether a provider still tells of its mail: shown red when it has accepted some and said nothing since."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.db import ids
from delivery.models import Attempt, ProviderEvent
from delivery.monitoring import arrivals
from delivery.routing import configured
from tests import fakes
from tests.delivery.admin.pages import reader
from tests.delivery.doctor.runs import found
from tests.delivery.factories import queued

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


@pytest.fixture(autouse=True)
def _connected(settings: Any, providers: None) -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:gomail"
    settings.PROVIDER_SECRETS = {**settings.PROVIDER_SECRETS, "AWS_SES_EVENTS_TOPIC_ARN": topic}


def ago(minutes: int) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


def accepted(minutes: int, provider: str = "ses", outcome: str = "accepted") -> Attempt:
    at, email = ago(minutes), queued(status="sent", due_at=None, finished_at=timezone.now())
    fields = {"id": ids.at(at), "started_at": at, "provider": provider, "outcome": outcome}
    return Attempt.objects.create(email=email, epoch=1, **fields)


def told(minutes: int, attempt: Attempt | None = None, account: str = "ses") -> None:
    at = ago(minutes)
    about = {"email": attempt.email, "attempt": attempt.pk} if attempt else {}
    ProviderEvent.objects.create(
        id=ids.at(at), key=str(ids.at(at)), account=account, kind="delivered", at=at, received_at=at, **about
    )


def state(name: str = "ses") -> str:
    (provider,) = (one for one in configured.providers() if one.name == name)
    return arrivals.of(provider).state


def test_nothing_is_missed_where_nothing_was_sent() -> None:
    assert state() == "quiet"


def test_events_have_twenty_minutes() -> None:
    accepted(19)
    assert state() == "quiet"


def test_mail_of_which_nothing_came_for_longer_is_red() -> None:
    accepted(21)
    assert state() == "silent"


def test_an_event_since_the_mail_is_a_sign_of_life() -> None:
    accepted(30)
    told(25)
    assert state() == "coming"


def test_mail_after_the_last_event_is_red_again() -> None:
    told(60)
    accepted(30)
    assert state() == "silent"


def test_mail_that_was_not_accepted_is_not_waited_for() -> None:
    accepted(30, outcome="refused_temporarily")
    accepted(30, outcome="unknown")
    assert state() == "quiet"


def test_an_account_is_not_judged_by_the_mail_or_the_events_of_another() -> None:
    accepted(30, provider="sendgrid")
    told(1, account="sendgrid")
    accepted(40)
    assert state() == "silent"


def test_an_account_that_nobody_has_connected_is_not_red() -> None:
    accepted(30, provider="sendgrid")
    assert state("sendgrid") == "not_connected"


def test_types_without_events_are_named_so(settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("sandbox",)
    assert state("sandbox") == "none"


def test_the_api_shows_it(api: fakes.Api) -> None:
    accepted(30)
    told(60)
    events = api.get("providers/").json()["providers"][0]["events"]
    assert events["state"] == "silent"
    assert events["last_at"] < events["accepted_at"]


def test_the_page_of_the_providers_shows_it() -> None:
    accepted(30)
    page = reader("viewer").get("/admin/delivery/circuit/").content.decode()
    assert "silent" in page
    assert "manage.py connect_events ses" in page


def test_the_doctor_finds_it_wrong() -> None:
    accepted(30)
    assert (found()["events"]["is_wrong"], found()["events"]["examples"]) == (True, ["ses"])


def test_the_doctor_is_content_when_events_come() -> None:
    told(20, accepted(30))
    told(50)
    answers = found()
    assert not answers["events"]["is_wrong"]
    assert not answers["untold"]["is_note"]


def test_the_doctor_counts_mail_of_which_nothing_came_while_the_url_was_away() -> None:
    told(300)
    told(29, accepted(30))
    for _ in range(3):
        accepted(120)
    told(1)
    answer = found()["untold"]
    assert (answer["is_note"], answer["count"]) == (True, 3)
    assert "SNS: after one hour" in answer["examples"][0]


def test_mail_from_before_events_came_is_not_counted() -> None:
    accepted(120)
    told(60)
    assert not found()["untold"]["is_note"]


def test_the_doctor_shows_what_could_not_be_read() -> None:
    raw = {"queue_message": "5e0f", "body": "no JSON"}
    ProviderEvent.objects.create(key="k", account="ses", kind="other", name="unreadable", at=ago(1), raw=raw)
    answer = found()["unreadable_events"]
    assert (answer["is_note"], answer["examples"]) == (True, ["ses: 5e0f"])
