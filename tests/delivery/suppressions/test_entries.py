"""What becomes of reports about an address."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from delivery.db import clock
from delivery.models import SoftBounce, Suppression, Team, WebhookMessage
from delivery.suppressions import entries, screening
from delivery.suppressions.entries import Finding
from delivery.suppressions.screening import Mail
from tests.delivery.webhooks.endpoints import endpoint

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def finding(address: str = "bob@example.org", **changes: Any) -> Finding:
    given = {"team_id": None, "kind": "hard_bounce", "source": "ses", "at": NOON}
    return Finding(address=address, **{**given, **changes})


def kept_out(address: str, team_id: int | None = None, **mail: Any) -> str:
    """Return the kind of the entry that keeps a mail from an address."""
    found = screening.kept_out(Mail(team_id=team_id, **mail), [address])
    return found[address].kind if found else ""


def test_a_new_entry_is_returned_and_a_repeat_is_counted() -> None:
    event = uuid4()
    (new,) = entries.add([finding(" Bob@Example.org", event_id=event, reason="No such user\0")])
    assert entries.add([finding(at=NOON + timedelta(days=1), reason="Again", source="sendgrid")]) == []

    only = Suppression.objects.get()
    assert (only, only.address, only.count) == (new, "bob@example.org", 2)
    assert (only.source, only.event_id, only.reason) == ("ses", event, "No such user")
    assert (only.first_seen, only.last_seen) == (NOON, NOON + timedelta(days=1))


def test_reports_of_one_address_in_one_call_are_one_entry() -> None:
    several = [finding(at=NOON + timedelta(days=number)) for number in (1, 0, 2)]
    assert len(entries.add([*several, finding("eve@example.org")])) == 2
    bob = Suppression.objects.get(address="bob@example.org")
    assert (bob.count, bob.first_seen, bob.last_seen) == (3, NOON, NOON + timedelta(days=2))


def test_teams_kinds_and_scopes_make_entries_of_their_own() -> None:
    shop = Team.objects.create(name="shop")
    several = [
        finding(),
        finding(team_id=shop.pk),
        finding(kind="complaint"),
        finding(kind="unsubscribe", scope="list:news"),
        finding(kind="unsubscribe", scope="marketing"),
    ]
    assert len(entries.add(several)) == 5
    assert entries.add(several) == []


def test_many_are_written_in_few_statements() -> None:
    many = [finding(f"{number}@example.org") for number in range(1000)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(entries.add(many)) == 1000
    assert len(queries) <= 5  # one asks whether anybody was ever erased


def test_an_end_is_put_off_by_a_later_report_and_lifted_by_one_without_an_end() -> None:
    week, month = (clock.now() + timedelta(days=days) for days in (7, 30))
    entries.add([finding(expires_at=month)])
    entries.add([finding(expires_at=week)])
    assert Suppression.objects.get().expires_at == month
    entries.add([finding()])
    entries.add([finding(expires_at=week)])
    assert Suppression.objects.get().expires_at is None


def test_what_has_expired_keeps_nobody_out_and_begins_anew_when_it_is_reported_again() -> None:
    (old,) = entries.add([finding(expires_at=clock.now() + timedelta(days=1))])
    Suppression.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert kept_out("bob@example.org") == ""

    (new,) = entries.add([finding()])
    assert new.pk != old.pk
    assert kept_out("bob@example.org") == "hard_bounce"


def test_a_report_that_is_over_when_it_comes_makes_no_entry() -> None:
    assert entries.add([finding(expires_at=clock.now() - timedelta(seconds=1))]) == []
    assert not Suppression.objects.exists()


def test_who_unsubscribes_from_all_still_gets_what_is_no_marketing() -> None:
    (entry,) = entries.add([finding(kind="unsubscribe")])
    assert entry.scope == "marketing"
    assert kept_out("bob@example.org") == ""
    assert kept_out("bob@example.org", purpose="marketing") == "unsubscribe"


def test_lifting_ends_the_entries_of_this_team_and_of_these_kinds() -> None:
    shop = Team.objects.create(name="shop")
    entries.add([finding(team_id=shop.pk, kind=kind) for kind in ("complaint", "hard_bounce")])
    entries.add([finding(kind="complaint")])

    lifted = entries.lift(shop.pk, "BOB@example.org", ["complaint"], by="", reason="not spam")
    left = list(Suppression.objects.order_by("team").values_list("team__name", "kind"))
    assert lifted == 1
    assert sorted(left, key=str) == [("shop", "hard_bounce"), (None, "complaint")]
    assert entries.lift(shop.pk, "bob@example.org", ["complaint"], by="", reason="again") == 0


def soft(day: int, team_id: int | None = None) -> Suppression | None:
    at = clock.now() - timedelta(days=30 - day)
    return entries.note_soft_bounce(team_id, "Bob@example.org", at, source="ses", reason="Mailbox full")


def test_three_soft_bounces_on_three_days_keep_an_address_out_for_a_fortnight() -> None:
    assert [soft(10), soft(10), soft(29)] == [None, None, None]
    third = soft(20)

    assert third is not None
    assert (third.kind, third.scope, third.source) == ("hard_bounce", "all", "ses")
    assert third.expires_at == third.first_seen + timedelta(days=14)
    assert third.reason == "Soft bounces on 3 days within 30. Mailbox full"
    assert kept_out("bob@example.org") == "hard_bounce"
    assert soft(30) is None
    assert SoftBounce.objects.count() == 1


def test_soft_bounces_of_other_teams_and_of_other_months_do_not_count() -> None:
    shop = Team.objects.create(name="shop")
    assert [soft(day) for day in (0, 29, 30)] == [None] * 3
    assert [soft(day, shop.pk) for day in (28, 29)] == [None] * 2
    assert not Suppression.objects.exists()


def told() -> list[tuple[str, dict[str, Any]]]:
    return list(WebhookMessage.objects.order_by("pk").values_list("kind", "data"))


def test_endpoints_are_told_of_new_entries_and_of_ended_ones_once() -> None:
    shop = Team.objects.create(name="shop")
    endpoint(team=shop)
    (entry,) = entries.add([finding(team_id=shop.pk, reason="No such user")])
    entries.add([finding(team_id=shop.pk), finding()])
    entries.lift(shop.pk, "bob@example.org", ["hard_bounce"], by="Ann", reason="New mailbox")

    about = {"id": str(entry.pk), "address": "bob@example.org", "kind": "hard_bounce", "scope": "all"}
    assert told() == [
        ("suppression.added", {**about, "source": "ses", "reason": "No such user"}),
        ("suppression.removed", {**about, "source": "ses", "reason": "New mailbox", "by": "Ann"}),
    ]
