"""A pause: nothing is taken, nothing that waits is sent, nothing is lost; and the commands of limits and pauses."""

import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.access import keys, pauses
from delivery.models import ApiKey, Email, Limits, Mailing, Team
from delivery.queue import claims, fairness, sweep
from delivery.queue.fairness import FairQueue
from delivery.recovery import rescue
from delivery.sending import rounds
from delivery.submission import backpressure, batches, emails
from delivery.submission.batches import Item
from tests.delivery.factories import draft, queued

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


def a_key(team: str = "shop") -> ApiKey:
    return keys.issue(team, scopes=["send"])[0]


def waiting(key: ApiKey, **fields: Any) -> Email:
    return queued(team=key.team, key=key, **fields)


def said(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("of", ["team", "key"])
def test_what_waits_is_not_sent_until_it_is_resumed(of: str) -> None:
    key = a_key()
    email, holder = waiting(key), key.team if of == "team" else key
    assert pauses.pause(holder)
    assert (claims.take(email.pk), FairQueue().take(fairness.LANES)) == (None, None)
    assert rounds.dispatch(email.pk) is None

    assert pauses.resume(holder)
    assert FairQueue().take(fairness.LANES) == email.pk
    sent = rounds.dispatch(email.pk)
    assert sent
    assert sent.status == "sent"


@pytest.mark.parametrize("of", ["team", "key"])
def test_nothing_new_is_taken(of: str) -> None:
    key = a_key()
    pauses.pause(key.team if of == "team" else key)
    for take in (emails.accept, emails.send):
        with pytest.raises(pauses.Paused):
            take(draft(), team=key.team, key=key)
    with pytest.raises(pauses.Paused):
        batches.accept([Item(draft=draft())], team=key.team, key=key)
    assert not Email.objects.exists()


def test_others_go_on() -> None:
    paused, other = a_key(), a_key("forum")
    second = a_key()
    waiting(paused)
    mine, of_nobody = {waiting(other).pk, waiting(second).pk}, queued().pk
    pauses.pause(paused)
    found = {rounds_of.pk for rounds_of in Email.objects.due()}
    assert found == mine | {of_nobody}


def test_nothing_expires_during_a_pause_and_deadlines_move_by_its_length() -> None:
    key = a_key()
    now = timezone.now()
    email = waiting(key, expires_at=now + timedelta(seconds=1))
    pauses.pause(key.team)
    ago = timedelta(hours=3)
    Team.objects.update(paused_at=F("paused_at") - ago)
    Email.objects.update(expires_at=now - ago + timedelta(minutes=5))
    rescue.run()
    email.refresh_from_db()
    assert email.status == "queued"

    pauses.resume(Team.objects.get())
    email.refresh_from_db()
    assert timedelta(minutes=4) < email.expires_at - now < timedelta(minutes=6)
    assert rounds.dispatch(email.pk)


def test_a_pause_is_known_within_a_second_by_those_who_know_the_key(api: Any) -> None:
    assert api.send().status_code == 200
    pauses.pause(Team.objects.get())
    time.sleep(1.05)
    answer = api.send()
    assert (answer.status_code, answer.json()["code"]) == (403, "paused")
    batch = api.post(
        "batches/", {"emails": [{"to_addresses": "ann@example.org", "from_address": "a@example.org"}]}
    )
    assert (batch.status_code, batch.json()["code"]) == (403, "paused")
    pauses.resume(Team.objects.get())
    time.sleep(1.05)
    assert api.send().status_code == 200


def test_many_emails_of_the_paused_make_no_queue_full(settings: Any) -> None:
    settings.GOMAIL_QUEUE_MAX = 2
    key = a_key()
    for _ in range(4):
        waiting(key)
    pauses.pause(key.team)
    backpressure.forget()
    backpressure.refuse_if_too_high("normal")


def test_more_paused_teams_than_are_read_at_once_starve_nobody() -> None:
    for number in range(fairness._MOST_TEAMS + 5):
        key = a_key(f"team {number}")
        waiting(key)
        pauses.pause(key.team)
    last = a_key("last")
    email = waiting(last)
    assert FairQueue().take(fairness.LANES) == email.pk


def test_no_email_of_a_paused_team_is_looked_at_to_find_the_others() -> None:
    key = a_key()
    waiting(key)
    pauses.pause(key.team)
    with CaptureQueriesContext(connection) as captured:
        assert list(fairness.teams("normal", 0)) == []
    assert len(captured) <= 4


def test_the_sweep_publishes_nothing_of_the_paused() -> None:
    key = a_key()
    waiting(key, due_at=timezone.now() - timedelta(minutes=1))
    pauses.pause(key)
    assert sweep.longest_waiting("normal") == []


# The commands.


def test_the_commands_pause_and_resume_a_team_or_a_key() -> None:
    key = a_key()
    waiting(key)
    assert "shop is paused. 1 email waits" in said("pause", "shop")
    assert "was paused already" in said("pause", "shop")
    assert "shop is resumed. 1 email waits" in said("resume", "shop")
    assert "is paused" in said("pause", "--key", f"gm_live_{key.public_id}_…")
    key.refresh_from_db()
    assert key.paused_at
    assert "is resumed" in said("resume", "--key", key.public_id)


@pytest.mark.parametrize("words", [("pause",), ("pause", "nobody"), ("resume", "--key", "x")])
def test_whoever_is_not_there_cannot_be_paused(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        said(*words)


def test_limits_are_set_and_shown() -> None:
    key = a_key()
    said("set_limits", "shop", "--per-second", "2.5", "--burst", "10", "--daily", "100", "--stored-mb", "5")
    row = Limits.objects.get(team=key.team)
    assert (row.per_second, row.burst, row.daily, row.waiting, row.stored_mb) == (2.5, 10, 100, None, 5)
    shown = said("set_limits", "shop", "--daily", "default", "--waiting", "0")
    assert "daily: as in the settings" in shown
    assert "waiting: no limit" in shown
    said("set_limits", "--key", key.public_id, "--daily", "7")
    assert Limits.objects.get(key=key).daily == 7


@pytest.mark.parametrize("option", ["--per-second=-1", "--per-second=nan", "--daily=1.5", "--burst=2000000"])
def test_a_limit_that_is_none_is_refused(option: str) -> None:
    a_key()
    with pytest.raises(CommandError):
        said("set_limits", "shop", option)


def test_a_revoked_keys_mailings_go_on_or_are_cancelled() -> None:
    key = a_key()
    june = Mailing.objects.create(team=key.team, key=key, name="June", state="scheduled")
    assert "Mailings that it started and that go on: 1." in said("revoke_api_key", key.public_id)
    again = said("revoke_api_key", key.public_id, "--waiting", "cancel")
    assert "Mailings that it started and that are cancelled: 1." in again
    june.refresh_from_db()
    assert june.state == "cancelled"


def test_a_revoked_keys_emails_are_sent_or_cancelled() -> None:
    key, other = a_key(), a_key()
    for _ in range(2):
        waiting(key)
    kept, doubted = waiting(other), waiting(key, status="unknown")
    assert "Emails that wait and will be sent: 3." in said("revoke_api_key", key.public_id)
    assert "Emails that waited and are cancelled: 3." in said(
        "revoke_api_key", key.public_id, "--waiting", "cancel"
    )
    assert set(Email.objects.due().values_list("pk", flat=True)) == {kept.pk}
    doubted.refresh_from_db()
    assert (doubted.status, doubted.due_at) == ("unknown", None)
    key.refresh_from_db()
    assert key.revoked_at


def test_a_pause_from_which_the_clock_was_set_back_brings_no_deadline_nearer() -> None:
    key = a_key()
    email = waiting(key)
    before = email.expires_at
    pauses.pause(key)
    ApiKey.objects.update(paused_at=F("paused_at") + timedelta(hours=3))
    pauses.resume(key)
    email.refresh_from_db()
    assert email.expires_at == before
