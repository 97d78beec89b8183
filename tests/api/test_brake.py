"""Bounces and complaints that vendors tell of warn a team, and then stop its marketing mail until a person comes."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from delivery.access import brake, reputation
from delivery.models import Attempt, AuditEntry, Email, MailHour, Recipient, Team
from delivery.queue import claims
from delivery.queue.fairness import LANES, FairQueue
from delivery.recovery import rescue
from tests import fakes
from tests.api.doors import posted
from tests.delivery.access.crowds import at_once
from tests.delivery.factories import queued, under_way
from tests.tellers import SendGrid

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("api", "vendors")]
Mail = tuple[str, str]  # attempt and address
_EACH = 50  # recipients of an email


def team() -> Team:
    return Team.objects.get(name="tests")


def sent(number: int, whose: Team | None = None) -> list[Mail]:
    """Return so many recipients of mails of the team that a vendor has accepted."""
    found: list[Mail] = []
    while len(found) < number:
        attempt = _accepted(whose or team())
        addresses = [f"{len(found) + place}@example.com" for place in range(min(_EACH, number - len(found)))]
        rows = [Recipient(email=attempt.email, address=one, canonical=one, kind="to") for one in addresses]
        Recipient.objects.filter(email=attempt.email).delete()
        Recipient.objects.bulk_create(rows)
        found += [(str(attempt.pk), one) for one in addresses]
    return found


def _accepted(whose: Team) -> Attempt:
    return under_way(outcome="accepted", provider="sendgrid", status="sent", lease_until=None, team=whose)


def tell(mails: list[Mail], kind: str = "delivered", **more: Any) -> bytes:
    """Let the vendor tell of each, in one post; return the post's body."""
    vendor = SendGrid()
    events = [vendor.event(attempt, kind, address, **more) for attempt, address in mails]
    body = json.dumps(events).encode()
    repeat(body)
    return body


def repeat(body: bytes) -> None:
    assert posted("sendgrid", SendGrid().sign(body)).status_code == 200


def bounce(mails: list[Mail]) -> bytes:
    return tell(mails, "bounce", type="bounce", reason="550 no such user")


def is_braked() -> bool:
    return team().marketing_paused_at is not None


def told(api: fakes.Api) -> dict[str, Any]:
    found: dict[str, Any] = api.get("me/").json()["team"]
    return found


def test_five_of_a_hundred_that_bounce_are_a_warning(api: fakes.Api) -> None:
    mails = sent(500)
    tell(mails[25:])
    assert told(api)["reputation"]["warning"] is False
    bounce(mails[:25])
    reputation = told(api)["reputation"]
    assert reputation == {"recipients": 500, "bounce_rate": 0.05, "complaint_rate": 0.0, "warning": True}
    assert not is_braked()


def test_ten_of_a_hundred_stop_marketing_mail_alone(api: fakes.Api) -> None:
    mails = sent(500)
    tell(mails[50:])
    bounce(mails[:49])
    assert not is_braked()
    bounce(mails[49:50])

    refused, other = api.send(purpose="marketing"), api.send()
    assert (refused.status_code, refused.json()["code"]) == (403, "paused")
    assert "bounced or was complained about" in refused.json()["message"]
    assert other.status_code in {200, 202}
    assert told(api)["marketing_paused"] is True


def test_one_complaint_of_five_hundred_stops_it() -> None:
    mails = sent(500)
    tell(mails)
    tell(mails[:1], "spamreport")
    assert is_braked()


def test_of_fewer_than_five_hundred_nothing_is_said(api: fakes.Api) -> None:
    mails = sent(499)
    tell(mails[200:])
    bounce(mails[:200])
    assert (is_braked(), told(api)["reputation"]["warning"]) == (False, False)


def test_whatever_is_repeated_counts_once(api: fakes.Api) -> None:
    mails = sent(500)
    tell(mails[26:])
    body = bounce(mails[:26])
    for _ in range(3):
        repeat(body)
    bounce(mails[:26])  # another event of the same recipients
    assert told(api)["reputation"]["bounce_rate"] == pytest.approx(26 / 500)


def test_soft_bounces_and_suppressions_do_not_count(api: fakes.Api) -> None:
    mails = sent(500)
    tell(mails[100:])
    tell(mails[:50], "bounce", type="blocked", reason="421 later")
    tell(mails[50:100], "dropped", reason="Bounced Address")
    assert told(api)["reputation"]["bounce_rate"] == 0.0


def test_a_vendor_that_tells_of_bounces_alone_brakes_nobody_too_early() -> None:
    mails = sent(1000)
    bounce(mails[:99])
    assert not is_braked()
    bounce(mails[99:100])
    assert is_braked()


def test_another_teams_mail_is_its_own() -> None:
    other = Team.objects.create(name="other")
    mails = sent(500, other)
    tell(mails[100:])
    bounce(mails[:100])
    other.refresh_from_db()
    assert (is_braked(), other.marketing_paused_at is not None) == (False, True)


@pytest.mark.django_db(transaction=True)
def test_posts_that_come_at_the_same_time_are_all_counted() -> None:
    mails = sent(500)
    parts = [mails[start : start + _EACH] for start in range(0, 500, _EACH)]
    at_once(lambda number: bounce(parts[number]) if number < 2 else tell(parts[number]), 10)
    found = reputation.of(team().pk)
    assert (found.recipients, found.bounced) == (500, 100)
    assert is_braked()
    assert AuditEntry.objects.filter(action="team.marketing_paused").count() == 1


def braked() -> Team:
    """Return the team of the key, braked an hour ago."""
    Team.objects.filter(name="tests").update(marketing_paused_at=timezone.now() - timedelta(hours=1))
    MailHour.objects.create(team=team(), hour=timezone.now().timestamp() // 3600, delivered=400, bounced=100)
    return team()


def test_what_waits_of_it_stays_and_does_not_expire() -> None:
    braked()
    past = timezone.now() - timedelta(minutes=1)
    late, news = (queued(team=team(), purpose="marketing", **more) for more in ({"expires_at": past}, {}))
    code = queued(team=team())

    rescue.run()
    assert (claims.take(news.pk), FairQueue().take(LANES)) == (None, code.pk)
    assert set(Email.objects.filter(pk__in=(late.pk, news.pk)).values_list("status", flat=True)) == {"queued"}


def test_of_a_batch_the_marketing_mail_is_refused(api: fakes.Api) -> None:
    braked()
    emails = [{"from_address": "me@example.org", "to_addresses": ["ann@example.org"], "purpose": word}
              for word in ("marketing", "transactional")]  # fmt: skip
    results = api.post("batches/", {"emails": emails}).json()["results"]
    assert [result.get("code", "taken") for result in results] == ["paused", "taken"]


def test_a_person_lets_it_go_on_at_the_shell(api: fakes.Api, capsys: Any) -> None:
    braked()
    news = queued(team=team(), purpose="marketing", expires_at=timezone.now() - timedelta(minutes=1))
    call_command("resume", "tests", "--marketing")
    news.refresh_from_db()
    assert "goes on. 1 email waits" in capsys.readouterr().out
    assert (is_braked(), news.expires_at > timezone.now()) == (False, True)
    assert told(api)["reputation"]["recipients"] == 0
    entry = AuditEntry.objects.get(action="team.marketing_resumed")
    assert (entry.actor_kind, entry.actor_name) == ("system", "manage.py resume")


def test_only_a_teams_marketing_mail_can_go_on() -> None:
    key = team().keys.get()
    with pytest.raises(CommandError):
        call_command("resume", "--key", key.public_id, "--marketing")


def test_a_person_sees_it_in_the_admin_and_lets_it_go_on() -> None:
    braked()
    anna = Client()
    anna.force_login(User.objects.create_superuser("anna"))
    start = anna.get(reverse("admin:index")).content.decode()
    assert "marketing paused" in start
    assert "20.0% bounced" in start

    assert (
        "20.0% bounced" in anna.get(reverse("admin:delivery_team_change", args=[team().pk])).content.decode()
    )
    page = reverse("admin:delivery_team_marketing", args=[team().pk])
    assert "Let it go on" in anna.get(page).content.decode()
    assert anna.post(page).status_code == 302
    assert not is_braked()
    assert AuditEntry.objects.get(action="team.marketing_resumed").actor_name == "anna"


def test_what_was_more_than_a_day_ago_counts_no_more(api: fakes.Api) -> None:
    hour = int(timezone.now().timestamp() // 3600)
    for ago in (24, 25):
        MailHour.objects.create(team=team(), hour=hour - ago, delivered=400, bounced=100)
    assert told(api)["reputation"]["recipients"] == 0
    call_command("prune")
    assert not MailHour.objects.exists()


def test_lifting_twice_changes_nothing() -> None:
    braked()
    assert (brake.lift(team()), brake.lift(team())) == (True, False)


def test_a_brake_from_which_the_clock_was_set_back_brings_no_deadline_nearer() -> None:
    news = queued(team=team(), purpose="marketing")
    before = news.expires_at
    Team.objects.update(marketing_paused_at=timezone.now() + timedelta(hours=3))
    assert brake.lift(team())
    news.refresh_from_db()
    assert news.expires_at == before
