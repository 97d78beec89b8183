"""A key that is revoked with what waits: nothing of it is sent any more, whatever is under way meanwhile."""

import threading
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from delivery.access import keys
from delivery.models import ApiKey, AuditEntry, Email
from delivery.queue import claims
from delivery.queue.fairness import LANES, FairQueue
from delivery.sending import rounds
from delivery.submission import cancelling
from delivery.submission import emails as submission
from delivery.workers import loop
from tests import fakes
from tests.delivery.factories import draft, queued

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


@pytest.fixture
def key() -> ApiKey:
    """A key that may send."""
    return keys.issue("shop", scopes=["send"])[0]


def waiting(key: ApiKey, **fields: Any) -> Email:
    return queued(team=key.team, key=key, **fields)


def statuses() -> list[str]:
    return sorted(Email.objects.values_list("status", flat=True))


def test_none_of_its_emails_is_claimed_from_the_commit_on(key: ApiKey, monkeypatch: Any) -> None:
    email = waiting(key)
    monkeypatch.setattr(cancelling, "cancel_all", lambda *_, **__: 0)  # it died, or has not come to it
    assert cancelling.revoke(key, cancel=True) == 1
    assert (claims.take(email.pk), FairQueue().take(LANES)) == (None, None)
    monkeypatch.undo()
    loop.clean_up()
    assert statuses() == ["cancelled"]
    email.refresh_from_db()
    assert email.reason == "Cancelled when its API key was revoked."


def test_what_comes_back_from_an_attempt_is_not_offered_again(
    key: ApiKey, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor, monkeypatch: Any
) -> None:
    ses.default, sendgrid.default = fakes.SES_FAILING, fakes.SENDGRID_DOWN
    email = waiting(key)
    settle = rounds.settle

    def meanwhile(*arguments: Any) -> Any:
        cancelling.revoke(key, cancel=True)
        return settle(*arguments)

    monkeypatch.setattr(rounds, "settle", meanwhile)
    rounds.dispatch(email.pk)
    assert statuses() == ["queued"]
    Email.objects.update(due_at=timezone.now())
    assert claims.take(email.pk) is None
    loop.clean_up()
    assert statuses() == ["cancelled"]


def test_what_a_process_takes_that_does_not_know_yet_is_cancelled_too(key: ApiKey) -> None:
    cancelling.revoke(ApiKey.objects.get(pk=key.pk), cancel=True)
    taken = submission.accept(draft(), team=key.team, key=key)
    assert claims.take(taken.pk) is None
    loop.clean_up()
    assert statuses() == ["cancelled"]


def test_the_emails_of_other_keys_go_on(key: ApiKey) -> None:
    other = keys.issue("shop", scopes=["send"])[0]
    mine, theirs = waiting(key), waiting(other)
    cancelling.revoke(key, cancel=True)
    loop.clean_up()
    assert FairQueue().take(LANES) == theirs.pk
    mine.refresh_from_db()
    assert mine.status == "cancelled"


def test_an_unknown_one_stays_unknown_and_is_not_sent_again(key: ApiKey) -> None:
    email = waiting(key, status="unknown")
    cancelling.revoke(key, cancel=True)
    email.refresh_from_db()
    assert (email.status, email.due_at) == ("unknown", None)


def test_workers_that_claim_meanwhile_send_what_they_have_and_nothing_more(
    transactional_db: None, ses: fakes.FakeVendor
) -> None:
    key = keys.issue("shop", scopes=["send"])[0]
    for _ in range(60):
        waiting(key)
    begun, over = threading.Barrier(5), threading.Event()
    queue = FairQueue()

    def work() -> None:
        begun.wait()
        while not over.is_set():
            if pk := queue.take(LANES):
                rounds.dispatch(pk)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    cancelling.revoke(key, cancel=True)
    over.set()
    for thread in threads:
        thread.join()
    sent = len(ses.mails)
    loop.clean_up()
    assert set(statuses()) <= {"sent", "cancelled"}
    assert Email.objects.filter(status="sent").count() == sent
    assert FairQueue().take(LANES) is None


def test_each_change_is_in_the_audit_without_the_token() -> None:
    out = StringIO()
    words = ("--name", "web", "--network", "192.0.2.0/24", "--expires", "90")
    call_command("create_api_key", "shop", *words, stdout=out)
    token = out.getvalue().split()[-1]
    key = ApiKey.objects.get()
    assert (key.name, key.networks) == ("web", ["192.0.2.0/24"])
    assert key.expires_at
    assert 89 <= (key.expires_at - timezone.now()).days <= 90
    waiting(key)
    call_command("revoke_api_key", key.public_id, "--waiting", "cancel", stdout=StringIO())
    made, revoked = AuditEntry.objects.filter(object_kind="key").order_by("pk")
    assert (made.action, made.object_id, made.actor_id) == ("key.created", key.public_id, "create_api_key")
    assert (revoked.action, revoked.after) == ("key.revoked", {"waiting": 1, "cancelled": True})
    assert token.split("_")[3] not in str(made.after)


@pytest.mark.parametrize(
    "words", [("--network", "here"), ("--expires", "0"), ("--from-address", "x"), ("--name", "a\nb")]
)
def test_what_is_no_right_of_a_key_makes_none(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        call_command("create_api_key", "shop", *words, stdout=StringIO())
    assert not ApiKey.objects.exists()
