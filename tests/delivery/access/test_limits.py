"""What a team and a key may send: exactly so much, also when many threads ask at once."""

import math
import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from delivery.access import keys, limits, stored, terms, usage
from delivery.access.limits import Over
from delivery.access.terms import Account
from delivery.models import ApiKey, Attachment, Email, Limits, Team, UsedMinute
from delivery.retention import prune
from delivery.sending import rounds
from delivery.submission import batches, changes, emails
from delivery.submission.batches import Item
from tests import fakes
from tests.delivery.access.crowds import at_once
from tests.delivery.factories import BOB, EVE, a_file, draft

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]


def limited(name: str = "shop", **row: Any) -> ApiKey:
    """Return a key of a team with these limits."""
    key, _ = keys.issue(name, scopes=["send"])
    Limits.objects.create(team=key.team, **row)
    return fresh(key)


def fresh(key: ApiKey) -> ApiKey:
    return ApiKey.objects.select_related("team", "team__limits", "limits").get(pk=key.pk)


def accept(key: ApiKey, **fields: Any) -> Email:
    return emails.accept(draft(**fields), team=key.team, key=key)


def refused(key: ApiKey, **fields: Any) -> Over:
    with pytest.raises(Over) as caught:
        accept(key, **fields)
    return caught.value


def accepted_of_fifty(key: ApiKey, **fields: Any) -> int:
    def one(_: int) -> bool:
        try:
            accept(fresh(key), **fields)
        except Over:
            return False
        return True

    return sum(at_once(one))


def left(key: ApiKey) -> dict[str, int]:
    return {one.name: one.left for each in terms.accounts(key.team, key) for one in policies(each)}


def policies(of: Account) -> Any:
    return usage.policies(of, usage.of(of))


def pass_time(key: ApiKey, seconds: float) -> None:
    """Let what was used have been used so much earlier."""
    row = Limits.objects.get(team=key.team)
    Limits.objects.filter(pk=row.pk).update(full_at=row.full_at - int(seconds * 1e9))
    for minute in row.minutes.order_by("minute"):
        UsedMinute.objects.filter(pk=minute.pk).update(minute=minute.minute - math.ceil(seconds / 60))


# Fifty threads at each limit.


@pytest.mark.parametrize(
    "row",
    [{"per_second": 0.001, "burst": 20}, {"daily": 20}, {"waiting": 20}],
    ids=["rate", "daily", "waiting"],
)
def test_fifty_threads_get_exactly_the_limit(transactional_db: None, row: dict[str, Any]) -> None:
    key = limited(**row)
    assert accepted_of_fifty(key) == 20
    assert Email.objects.count() == 20


def test_fifty_threads_store_exactly_what_may_be_stored(transactional_db: None) -> None:
    key = limited(stored_mb=1)
    assert accepted_of_fifty(key, text="x" * (1024 * 1024 // 20)) == 20


def test_fifty_threads_of_two_keys_keep_to_the_teams_limit_and_to_their_own(transactional_db: None) -> None:
    first = limited(daily=30)
    second, _ = keys.issue("shop", scopes=["send"])
    Limits.objects.create(key=first, daily=10)

    def one(number: int) -> int:
        try:
            return accept(fresh((first, second)[number % 2])).key_id or 0
        except Over:
            return 0

    taken = at_once(one)
    assert taken.count(first.pk) == 10
    assert taken.count(second.pk) == 20


def test_fifty_threads_send_at_once_no_more_than_the_rate_over_a_while(transactional_db: None) -> None:
    key = limited(per_second=10, burst=20)
    until = time.monotonic() + 1.5
    began = time.time()

    def one(_: int) -> int:
        taken = 0
        while time.monotonic() < until:
            try:
                accept(key)
                taken += 1
            except Over:
                time.sleep(0.02)
        return taken

    taken = sum(at_once(one))
    assert 30 <= taken <= 20 + 10 * (time.time() - began)


def test_clients_that_wait_for_their_answer_leave_no_more_unfinished_than_may_be(
    transactional_db: None, ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor
) -> None:
    ses.default, sendgrid.default = fakes.SES_FAILING, fakes.SENDGRID_DOWN
    key = limited(waiting=5)

    def one(_: int) -> bool:
        try:
            emails.send(draft(), team=key.team, key=fresh(key))
        except Over:
            return False
        return True

    assert sum(at_once(one, 20)) == Email.objects.count() == 5


# What is told is true: after so many seconds it fits, and not before.


def test_a_rate_has_room_again_after_the_seconds_that_were_told() -> None:
    key = limited(per_second=0.1, burst=3)
    for _ in range(3):
        accept(key)
    over = refused(key)
    assert (over.code, over.seconds) == ("rate_limited", 10)

    pass_time(key, 8.5)
    assert refused(key).seconds in (1, 2)
    pass_time(key, 2)
    accept(key)
    assert refused(key).code == "rate_limited"


def test_a_day_has_room_again_when_its_oldest_minute_is_a_day_old() -> None:
    key = limited(daily=3)
    accept(key, to=(BOB, EVE))
    pass_time(key, 3600)
    accept(key)
    over = refused(key)
    assert over.code == "daily_quota_exceeded"
    assert 0 <= usage.DAY - 3600 + 60 - (over.seconds or 0) <= 60

    pass_time(key, over.seconds or 0)
    accept(key, to=(BOB, EVE))
    assert refused(key).code == "daily_quota_exceeded"
    assert Limits.objects.get().day_used == 3


def test_a_day_waits_for_as_many_minutes_as_the_email_needs() -> None:
    key = limited(daily=3)
    accept(key)
    pass_time(key, 7200)
    accept(key, to=(BOB, EVE))
    soon, late = refused(key).seconds or 0, refused(key, to=(BOB, EVE)).seconds or 0
    assert 7100 < late - soon < 7300


def test_what_is_larger_than_a_limit_never_fits_and_says_so() -> None:
    key = limited(per_second=1, burst=1)
    over = refused(key, to=(BOB, EVE))
    assert over.seconds is None
    assert "never fits" in str(over)
    accept(key)


def test_a_change_of_limits_counts_at_once_whatever_was_owed_before() -> None:
    key = limited(per_second=0.001, burst=1)
    accept(key)
    Limits.objects.update(per_second=10, burst=10)
    refused(fresh(key))
    time.sleep(0.15)
    accept(fresh(key))


def test_every_recipient_counts() -> None:
    key = limited(daily=10)
    accept(key, to=(BOB, EVE))
    assert left(key) == {"daily": 8}


def test_what_is_left_of_a_team_and_of_a_key_is_told_apart() -> None:
    key = limited(daily=10)
    Limits.objects.create(key=key, per_second=1, burst=5, waiting=3)
    accept(fresh(key))
    assert left(fresh(key)) == {"daily": 9, "key-burst": 4, "key-waiting": 2}


# Nothing that is refused costs anything.


def test_what_the_key_refuses_costs_the_team_nothing() -> None:
    key = limited(daily=10)
    Limits.objects.create(key=key, daily=1)
    accept(fresh(key))
    with pytest.raises(Over):
        accept(fresh(key))
    assert left(fresh(key)) == {"daily": 9, "key-daily": 0}


def test_a_refusal_in_the_transaction_takes_back_what_was_taken_before() -> None:
    """Between the look and the taking another thread may have been faster."""
    key = limited(daily=10)
    Limits.objects.create(key=key, daily=1)
    asked = limits.Asked(
        cost=limits.Cost(emails=1, recipients=2, bytes=0),
        accounts=tuple((one, usage.of(one).row) for one in terms.accounts(*team_and(fresh(key)))),
    )
    with pytest.raises(Over), transaction.atomic():
        limits.take(asked)
    assert left(fresh(key)) == {"daily": 10, "key-daily": 1}


def team_and(key: ApiKey) -> tuple[Team, ApiKey]:
    return key.team, key


def test_a_file_that_does_not_fit_is_not_stored(attachment_folder: Path) -> None:
    key = limited(daily=1)
    accept(key)
    refused(key, attachments=(a_file(),))
    assert not attachment_folder.exists()
    assert Attachment.objects.count() == 0


def test_a_batch_that_does_not_fit_is_refused_whole() -> None:
    key = limited(daily=5)
    items = [Item(draft=draft()) for _ in range(3)]
    assert len(batches.accept(items, team=key.team, key=key)) == 3
    with pytest.raises(Over):
        batches.accept(items, team=key.team, key=key)
    assert (Email.objects.count(), left(key)) == (3, {"daily": 2})


def test_batches_of_fifty_threads_fit_whole_or_not_at_all(transactional_db: None) -> None:
    key = limited(waiting=20)

    def one(_: int) -> int:
        try:
            items = [Item(draft=draft()) for _ in range(3)]
            return len(batches.accept(items, team=key.team, key=fresh(key)))
        except Over:
            return 0

    assert sum(at_once(one, 20)) == Email.objects.count() == 18


def test_sending_again_costs_like_sending() -> None:
    key = limited(daily=1)
    email = accept(key)
    changes.cancel(email)
    with pytest.raises(Over):
        changes.resend(email, key=key)


# What is stored and what waits.


def test_bodies_and_files_count_until_they_are_pruned() -> None:
    key = limited(stored_mb=1)
    email = accept(key, text="é" * 10, attachments=(a_file(b"12345"),))
    assert Limits.objects.get().stored == 25

    prune.BODIES.prune(Email.objects.filter(pk=email.pk))
    assert Limits.objects.get().stored == 5
    prune.EMAILS.prune(Email.objects.filter(pk=email.pk))
    assert Limits.objects.get().stored == 0


def test_files_are_counted_off_once() -> None:
    key = limited(stored_mb=1)
    email = accept(key, text="", attachments=(a_file(b"12345"),))
    prune.ATTACHMENTS.prune(Attachment.objects.all())
    assert Limits.objects.get().stored == 0
    prune.EMAILS.prune(Email.objects.filter(pk=email.pk))
    assert Limits.objects.get().stored == 0


def test_rows_are_locked_teams_first_and_each_kind_in_order() -> None:
    """As a send does, which takes of its team and then of its key: otherwise two of them wait for each other."""
    for key in reversed([limited(name, stored_mb=1) for name in ("shop", "forum", "news")]):
        Limits.objects.create(key=key, stored_mb=1)
        accept(fresh(key), attachments=(a_file(b"12345"),))
    rows = Limits.objects.order_by(F("key_id").asc(nulls_first=True), "team_id")
    with transaction.atomic(), CaptureQueriesContext(connection) as seen:
        stored.emails_go(Email.objects.all())
    updates = [one["sql"] for one in seen if one["sql"].startswith("UPDATE")]
    locked = [int(number) for sql in updates for number in re.findall(r'"(?:owner|key)_id" = (\d+)', sql)]
    assert locked == [row.key_id or row.team_id for row in rows]
    assert set(Limits.objects.values_list("stored", flat=True)) == {0}


def test_what_was_kept_before_there_was_a_limit_counts() -> None:
    key, _ = keys.issue("shop", scopes=["send"])
    accept(key, text="12345", attachments=(a_file(b"123"),))
    Limits.objects.create(team=key.team, stored_mb=1)
    assert left(fresh(key)) == {"stored": 1024 * 1024 - 8}


def test_what_is_sent_waits_no_more() -> None:
    key = limited(waiting=1)
    email = accept(key)
    assert refused(key).code == "waiting_quota_exceeded"
    rounds.dispatch(email.pk)
    accept(key)


# The settings' defaults, and no limit.


def test_the_settings_limit_every_team_that_has_no_row_of_its_own(settings: Any) -> None:
    settings.GOMAIL_DAILY_EMAILS = 1
    for name in ("shop", "forum"):
        key = fresh(keys.issue(name, scopes=["send"])[0])
        accept(key)
        assert refused(fresh(key)).code == "daily_quota_exceeded"


def test_a_row_goes_before_the_settings_and_0_is_no_limit(settings: Any) -> None:
    settings.GOMAIL_DAILY_EMAILS = 1
    assert terms.accounts(limited(daily=5).team)[0].terms.daily == 5
    assert terms.accounts(limited("forum", daily=0).team) == ()


def test_a_minutes_worth_of_the_rate_may_come_at_once_unless_a_burst_is_set() -> None:
    assert terms.accounts(limited(per_second=2.5).team)[0].terms.burst == 150


def test_who_has_no_limit_costs_no_statement() -> None:
    key = keys.find(keys.issue("shop", scopes=["send"])[1])
    assert key
    with CaptureQueriesContext(connection) as captured:
        emails.send(draft(), team=key.team, key=key)
    statements = [query["sql"] for query in captured]
    assert [sql for sql in statements if "delivery_limits" in sql or "usedminute" in sql] == []


def test_emails_without_a_key_have_no_limit(settings: Any) -> None:
    settings.GOMAIL_DAILY_EMAILS = 1
    for _ in range(2):
        emails.accept(draft(), team=None)
    assert Email.objects.filter(team=None).count() == 2
