"""People are told once that something is wrong, once that it is over, and now and then in between."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from delivery.db import clock
from delivery.models import Alert, Incident, Lookout
from delivery.monitoring import incidents, lookout, pings
from tests.delivery.monitoring.telling import pass_by, see, tell, titles
from tests.providers.fault_server import FaultServer, answer, closed_port, reset

pytestmark = pytest.mark.django_db
SES = "a provider is not used (ses)"


@pytest.fixture(autouse=True)
def receiver(settings: Any) -> Iterator[FaultServer]:
    """Whom GOMAIL_ALERT_URLS names: a server that takes what apprise posts to it."""
    with FaultServer() as server:
        settings.ALERT_SECRETS = (f"json://ann:p4ssw0rd@127.0.0.1:{server.port}/",)
        yield server


def test_people_are_told_once_at_the_opening_and_once_at_the_end(receiver: FaultServer) -> None:
    for _ in range(3):
        see("ses")
        tell()
    assert titles(receiver) == [SES]
    for _ in range(3):
        see()
        tell()

    assert titles(receiver) == [SES, f"over: {SES}"]
    assert [got.json()["type"] for got in receiver.received] == ["failure", "success"]


def test_the_message_says_what_since_when_and_where_to_read_what_to_do(
    receiver: FaultServer, settings: Any
) -> None:
    settings.GOMAIL_PUBLIC_URL = "https://mail.example.org"
    see("ses")
    tell()

    (told,) = (got.json() for got in receiver.received)
    incident = Incident.objects.get()
    assert told["title"] == f"GoMail at mail.example.org: {SES}"
    assert "ses is in trouble." in told["message"]
    assert f"since {incident.opened_at:%d %b %Y %H:%M:%S} UTC" in told["message"]
    assert "docs/alerts.md#circuit" in told["message"]
    assert f"https://mail.example.org/admin/delivery/incident/{incident.pk}/change/" in told["message"]


def test_people_are_reminded_after_an_hour_and_then_every_six(receiver: FaultServer) -> None:
    see("ses")
    tell()
    lengths = [59, 2, 5 * 60, 58, 5, 5 * 60, 70]  # minutes
    counts = []
    for minutes in lengths:
        pass_by(minutes=minutes)
        see("ses")
        tell()
        counts.append(len(receiver.received) - 1)

    assert counts == [0, 1, 1, 1, 2, 2, 3]
    assert titles(receiver)[1:] == [f"still: {SES}"] * 3


def test_who_has_acknowledged_it_is_not_reminded_and_is_told_of_the_end(receiver: FaultServer) -> None:
    see("ses")
    tell()
    assert incidents.acknowledge(Incident.objects.get(), "ann")
    assert not incidents.acknowledge(Incident.objects.get(), "bob")
    pass_by(hours=8)
    see("ses")
    tell()
    assert titles(receiver) == [SES]
    see()
    tell()

    assert titles(receiver)[1:] == [f"over: {SES}"]
    assert Incident.objects.get().acknowledged_by == "ann"


def test_what_comes_back_at_once_is_told_when_it_has_lasted_for_five_minutes(receiver: FaultServer) -> None:
    see("ses")
    tell()
    see()
    tell()
    for _ in range(4):  # a flapping one
        pass_by(seconds=65)
        see("ses")
        tell()
        see()
        tell()
    assert titles(receiver) == [SES, f"over: {SES}"]
    see("ses")
    pass_by(minutes=5)
    see("ses")
    tell()

    assert titles(receiver)[2:] == [SES]
    assert "It has gone and come back 5 times" in receiver.received[-1].json()["message"]
    assert Incident.objects.count() == 1


def test_the_end_of_a_flapping_one_is_told_when_it_has_been_quiet_for_five_minutes(
    receiver: FaultServer,
) -> None:
    see("ses")
    tell()
    see()
    see("ses")  # nobody was told of that end
    tell()
    see()
    tell()
    pass_by(minutes=4)
    tell()
    assert titles(receiver) == [SES]
    pass_by(minutes=2)
    tell()

    assert titles(receiver) == [SES, f"over: {SES}"]


def test_what_comes_back_later_is_another_one(receiver: FaultServer) -> None:
    for _ in range(2):
        see("ses")
        tell()
        see()
        tell()
        pass_by(minutes=6)

    assert titles(receiver) == [SES, f"over: {SES}"] * 2
    assert Incident.objects.count() == 2


def test_what_is_over_within_its_patience_is_not_told(receiver: FaultServer) -> None:
    see("web-1", kind="scanner", patience=timedelta(seconds=60))
    pass_by(seconds=50)
    see(kind="scanner")
    pass_by(seconds=20)
    tell()

    assert titles(receiver) == []
    assert Incident.objects.get().tell_at is None


def test_what_was_over_before_anybody_could_be_told_is_told_as_over(receiver: FaultServer) -> None:
    receiver.script(answer(500))
    see("ses")
    tell()
    see()
    pass_by(seconds=15)
    tell()

    assert titles(receiver)[1:] == [f"is over: {SES}"]
    assert Incident.objects.get().told == "ended"


@pytest.mark.parametrize("fault", [answer(500), reset()])
def test_telling_is_tried_until_somebody_has_taken_it(receiver: FaultServer, fault: Any) -> None:
    receiver.script(fault, fault)
    see("ses")
    for _ in range(6):
        tell()
        pass_by(seconds=31)

    assert len(receiver.received) == 3
    assert (Incident.objects.get().told, Alert.objects.count()) == ("opened", 1)


def test_who_cannot_be_told_is_noted_without_his_keys(
    receiver: FaultServer, settings: Any, caplog: Any
) -> None:
    settings.ALERT_SECRETS = (
        *settings.ALERT_SECRETS,
        f"json://bob:s3cr3t@127.0.0.1:{closed_port()}/hook/k3y",
        "nosuch://t0ken",
    )
    with caplog.at_level(logging.DEBUG):
        see("ses")
        tell()

    incident = Incident.objects.get()
    assert (titles(receiver), incident.told) == ([SES], "opened")
    assert incident.not_told == "URL 3 (nosuch://…) (unknown to apprise); URL 2 (json://…)"
    assert "People could not be told by URL 2" in caplog.text
    assert not any(secret in caplog.text for secret in ("s3cr3t", "p4ssw0rd", "t0ken", "k3y"))


def test_without_anybody_to_tell_incidents_are_on_record_all_the_same(settings: Any) -> None:
    settings.ALERT_SECRETS = ()
    see("ses")
    tell()

    assert (Incident.objects.get().is_open, Alert.objects.count()) == (True, 0)


def test_no_more_than_twenty_messages_an_hour_and_the_rest_in_one(receiver: FaultServer) -> None:
    many = [f"hook-{number:02}" for number in range(50)]
    see(*many, kind="webhook")
    tell()
    assert len(receiver.received) == 21
    assert titles(receiver)[-1] == "30 alerts at once"
    assert receiver.received[-1].json()["message"].count("- a webhook endpoint was switched off (hook-") == 30
    tell()
    assert len(receiver.received) == 21

    see("hook-00", kind="webhook")  # 49 are over
    tell()
    assert len(receiver.received) == 21
    pass_by(minutes=11)
    tell()
    assert titles(receiver)[21:] == ["49 alerts at once"]
    pass_by(minutes=50)
    see("hook-00", "one-more", kind="webhook")
    tell()
    assert titles(receiver)[22:] == [
        "still: a webhook endpoint was switched off (hook-00)",
        "a webhook endpoint was switched off (one-more)",
    ]


def test_a_process_that_died_between_opening_and_telling_is_stood_in_for(receiver: FaultServer) -> None:
    see("ses")
    Incident.objects.update(lease_until=clock.now() + timedelta(seconds=30))  # the dead one's claim
    tell()
    assert titles(receiver) == []
    pass_by(seconds=31)
    tell()

    assert titles(receiver) == [SES]


def test_a_claim_of_a_clock_that_was_set_back_holds_nothing_up(receiver: FaultServer) -> None:
    see("ses")
    pass_by(hours=-10)
    tell()

    assert titles(receiver) == [SES]


def test_two_that_see_the_same_open_one_incident() -> None:
    see("ses")
    incidents.open("circuit", incidents.Trouble(subject="ses", said="ses fails."))

    assert Incident.objects.count() == 1


def test_no_address_gets_into_an_incident() -> None:
    incidents.open("webhook", incidents.Trouble(said="The team bob@example.org is off."))

    assert Incident.objects.get().said == "The team [address] is off."


@pytest.mark.usefixtures("providers")
def test_a_mail_does_not_go_through_the_provider_in_trouble(receiver: FaultServer, settings: Any) -> None:
    mail = "mailto://user:pw@example.org?to=ann@example.org&smtp=email-smtp.eu-west-1.amazonaws.com"
    settings.ALERT_SECRETS = (mail, *settings.ALERT_SECRETS)
    see("ses")
    tell()

    assert titles(receiver) == [SES]
    not_told = Incident.objects.get().not_told
    assert "goes through the provider in trouble" in not_told
    assert "ann@" not in not_told


def test_one_worker_of_all_looks_out_and_another_takes_over(monkeypatch: Any) -> None:
    assert lookout.hold()
    monkeypatch.setattr(lookout._Memory, "at", float("-inf"))
    assert lookout.hold()
    Lookout.objects.update(holder="00000000-0000-7000-8000-000000000000")  # another process
    monkeypatch.setattr(lookout._Memory, "at", float("-inf"))
    assert not lookout.hold()
    Lookout.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    assert lookout.hold()
    lookout.leave()
    assert Lookout.objects.get().holder is None


def test_the_heartbeat_is_sent_once_a_minute(receiver: FaultServer, settings: Any, caplog: Any) -> None:
    Lookout.objects.create(pk=Lookout.THE_ONE)
    settings.HEARTBEAT_SECRET = f"http://127.0.0.1:{receiver.port}/ping/s3cr3t"
    for _ in range(3):
        pings.ping_due()
    assert [(got.method, got.path) for got in receiver.received] == [("GET", "/ping/s3cr3t")]
    pass_by(seconds=61)
    receiver.script(answer(404))
    pings.ping_due()
    settings.HEARTBEAT_SECRET = f"http://127.0.0.1:{closed_port()}/s3cr3t"
    pass_by(seconds=61)
    pings.ping_due()

    assert len(receiver.received) == 2
    assert [record.getMessage() for record in caplog.records] == [
        "GOMAIL_HEARTBEAT_URL answered 404",
        "GOMAIL_HEARTBEAT_URL could not be pinged: unavailable",
    ]
