"""Vendors' lists are read into ours, ours are pushed when asked, and what is let go is taken off everywhere."""

import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from delivery.db import clock, ids
from delivery.models import Suppression, Team, VendorList
from delivery.suppressions import entries, sync, vendors
from delivery.suppressions.entries import Finding
from tests import fakes, vendor_lists
from tests.vendor_lists import DOMAIN, Vendors

pytestmark = pytest.mark.django_db
ACCOUNTS = ("ses", "sendgrid", "mailgun", "mandrill")
NOON = datetime.fromtimestamp(vendor_lists.NOON, tz=UTC)
BOB = "bob@example.org"


@pytest.fixture
def there(settings: Any) -> Iterator[Vendors]:
    with vendor_lists.served() as served:
        settings.GOMAIL_PROVIDERS, settings.PROVIDER_SECRETS = ACCOUNTS, served.variables()
        yield served


def run(*arguments: str) -> tuple[str, str]:
    """Return what the command says, and what it complains of."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("sync_suppressions", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
    return out.getvalue(), err.getvalue()


def known() -> dict[str, tuple[str, str, str]]:
    columns = ("address", "kind", "scope", "source")
    return {address: tuple(rest) for address, *rest in Suppression.objects.values_list(*columns)}  # type: ignore[misc]


def own(address: str = BOB, **changes: Any) -> Suppression:
    given = {"team_id": None, "kind": "manual", "source": "admin", "at": clock.now(), "reason": "Asked us"}
    return entries.add([Finding(address=address, **{**given, **changes})])[0]


def fill(there: Vendors) -> None:
    there.lists["ses"] = {
        "S1@example.org": {
            "EmailAddress": "S1@example.org",
            "Reason": "BOUNCE",
            "LastUpdateTime": vendor_lists.NOON,
        },
        "s2@example.org": {"EmailAddress": "s2@example.org", "Reason": "COMPLAINT", "LastUpdateTime": 1},
    }
    there.bounce("g1@example.org")
    there.lists["spam_reports"]["g2@example.org"] = {
        "created": 1,
        "email": "g2@example.org",
        "ip": "192.0.2.1",
    }
    there.lists["invalid_emails"]["g3@example.org"] = {
        "created": 1,
        "email": "g3@example.org",
        "reason": "No MX",
    }
    there.lists["unsubscribes"]["g4@example.org"] = {"created": 1, "email": "g4@example.org"}
    created = "Sun, 01 Nov 2026 12:00:00 UTC"
    there.lists["mailgun bounces"]["m1"] = {
        "address": "m1@example.org",
        "code": "550",
        "error": "No",
        "created_at": created,
    }
    there.lists["mailgun complaints"]["m2"] = {"address": "m2@example.org", "created_at": created}
    there.lists["mailgun unsubscribes"]["m3"] = {
        "address": "m3@example.org",
        "tags": ["*"],
        "created_at": created,
    }
    there.lists["mailgun unsubscribes"]["m4"] = {
        "address": "m4@example.org",
        "tags": ["news"],
        "created_at": created,
    }
    for number, reason in enumerate(("hard-bounce", "spam", "unsub", "custom", "other"), 1):
        row = {"email": f"d{number}@example.org", "reason": reason, "created_at": "2026-11-01 12:00:00"}
        there.lists["mandrill"][str(number)] = row
    there.lists["mandrill"]["6"] = {"email": "d6@example.org", "reason": "soft-bounce", "expired": True}


def test_the_lists_of_every_vendor_are_read_in_our_words(there: Vendors) -> None:
    fill(there)
    said, complaints = run()

    assert complaints == ""
    assert said.splitlines() == [
        *(
            "ses: 2 read, 2 new",
            "sendgrid: 4 read, 4 new",
            "mailgun: 4 read, 4 new",
            "mandrill: 5 read, 5 new",
        )
    ]
    assert known() == {
        "s1@example.org": ("hard_bounce", "all", "ses"),
        "s2@example.org": ("complaint", "all", "ses"),
        "g1@example.org": ("hard_bounce", "all", "sendgrid"),
        "g2@example.org": ("complaint", "all", "sendgrid"),
        "g3@example.org": ("invalid", "all", "sendgrid"),
        "g4@example.org": ("unsubscribe", "marketing", "sendgrid"),
        "m1@example.org": ("hard_bounce", "all", "mailgun"),
        "m2@example.org": ("complaint", "all", "mailgun"),
        "m3@example.org": ("unsubscribe", "marketing", "mailgun"),
        "m4@example.org": ("unsubscribe", "list:news", "mailgun"),
        "d1@example.org": ("hard_bounce", "all", "mandrill"),
        "d2@example.org": ("complaint", "all", "mandrill"),
        "d3@example.org": ("unsubscribe", "marketing", "mandrill"),
        "d4@example.org": ("manual", "all", "mandrill"),
        "d5@example.org": ("vendor", "all", "mandrill"),
    }
    assert {entry.team_id for entry in Suppression.objects.all()} == {None}
    first = Suppression.objects.get(address="g1@example.org")
    assert (first.first_seen, first.reason) == (NOON, "5.1.1 550 No such user")
    for address in ("s1", "m1", "d1"):
        assert Suppression.objects.get(address=f"{address}@example.org").first_seen == NOON


def test_many_pages_are_read_and_the_second_time_nothing_is_new_or_counted(there: Vendors) -> None:
    for number in range(1200):
        there.bounce(f"p{number}@example.org")
        there.lists["mailgun bounces"][str(number)] = {"address": f"m{number}@example.org", "code": "550"}
    assert "sendgrid: 1,200 read, 1,200 new" in run("sendgrid", "mailgun")[0]
    assert Suppression.objects.count() == 2400
    assert "mailgun: 1,200 read, 0 new" in run("mailgun")[0]
    assert set(Suppression.objects.values_list("count", flat=True)) == {1}


def test_only_what_is_new_is_read_with_a_day_before_it(there: Vendors) -> None:
    now = int(clock.now().timestamp())
    there.bounce("old@example.org", now - 3 * 86_400)
    run("sendgrid")
    there.bounce("late@example.org", now - 80_000)
    there.calls.clear()
    assert "sendgrid: 1 read, 1 new" in run("sendgrid")[0]
    since = int(there.calls[0].partition("start_time=")[2].partition("&")[0])
    assert abs(now - since - 86_400) < 60
    assert "sendgrid: 2 read, 0 new" in run("sendgrid", "--full")[0]


def test_ses_is_asked_for_what_is_new(there: Vendors) -> None:
    run("ses")
    run("ses")
    assert "StartDate" not in there.calls[0]
    assert "StartDate" in there.calls[1]


def test_one_process_at_a_time_reads_an_account(there: Vendors) -> None:
    VendorList.objects.create(account="sendgrid", lease_until=clock.now() + timedelta(minutes=1))
    said, complaints = run("sendgrid")
    assert (said, "another process" in complaints, there.calls) == ("", True, [])
    VendorList.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    assert run("sendgrid")[1] == ""
    row = VendorList.objects.get()
    assert (row.lease_until, row.holder) == (None, None)


def test_who_has_lost_its_lease_stops(there: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
    there.bounce(BOB)
    claimed = sync._claim

    def late(account: str, holder: Any) -> VendorList:
        row = claimed(account, holder)
        VendorList.objects.update(holder=None)
        return row

    monkeypatch.setattr(sync, "_claim", late)
    assert "another process has begun" in run("sendgrid")[1]
    assert not Suppression.objects.exists()
    assert VendorList.objects.get().read_at is None


def test_what_one_vendor_refuses_keeps_no_other_from_being_read(there: Vendors) -> None:
    fill(there)
    there.refused["/v3/suppression/"] = (403, {"errors": [{"message": "access forbidden"}]})
    said, complaints = run()
    assert "the scope suppression.read" in complaints
    assert "SG.test" not in complaints
    assert "mailgun: 4 read, 4 new" in said
    assert VendorList.objects.get(pk="sendgrid").read_at is None
    assert VendorList.objects.get(pk="mailgun").read_at is not None


def test_a_list_that_is_longer_than_mandrill_tells_is_said_to_be(there: Vendors) -> None:
    for number in range(1001):
        there.lists["mandrill"][str(number)] = {"email": f"d{number}@example.org", "reason": "spam"}
    said, complaints = run("mandrill")
    assert "mandrill: 1,000 read, 1,000 new" in said
    assert "Export its Rejection Denylist" in complaints


def test_nonsense_on_a_list_is_passed_over(there: Vendors) -> None:
    for address in ("", "no address", "a" * 250 + "@example.org", "nul\0@example.org"):
        there.bounce(address)
    assert run("sendgrid")[1] == ""
    assert [row.address for row in Suppression.objects.all()] == []


def test_accounts_without_lists_are_named(there: Vendors, settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("sendgrid", "backup=sandbox")
    assert "backup has no suppression lists; those that have: sendgrid" in run("backup")[1]


def test_ours_are_pushed_only_when_asked_and_only_what_is_true_for_all(there: Vendors) -> None:
    shop = Team.objects.create(name="shop")
    own("all@example.org")
    own("bounced@example.org", team_id=shop.pk, kind="hard_bounce", event_id=ids.uuid7())
    own("said@example.org", team_id=shop.pk, kind="hard_bounce", source="api")
    own("complained@example.org", kind="complaint")
    own("theirs@example.org", team_id=shop.pk)
    own("news@example.org", kind="unsubscribe")
    own("soon@example.org", kind="hard_bounce", expires_at=clock.now() + timedelta(days=14))
    run()
    assert all(call.startswith("GET") or call.endswith("list.json") for call in there.calls)

    assert "ses: 0 read, 0 new, 3 pushed" in run("--push")[0]
    pushed = {"all@example.org", "bounced@example.org", "complained@example.org"}
    for name in ("ses", "unsubscribes", "mandrill"):
        assert set(there.lists[name]) == pushed
    assert there.lists["ses"]["complained@example.org"]["Reason"] == "COMPLAINT"
    assert set(there.lists["mailgun complaints"]) == {"complained@example.org"}
    assert set(there.lists["mailgun bounces"]) == pushed - {"complained@example.org"}


def test_what_a_vendor_told_is_not_pushed_back_to_it(there: Vendors) -> None:
    there.bounce(BOB)
    run()
    run("--push")
    assert there.having(BOB) == ["ses", "mandrill", "bounces", "mailgun bounces"]


def listed_everywhere(there: Vendors) -> None:
    for rows in there.lists.values():
        rows[BOB] = {"email": BOB, "address": BOB, "created": 1}


def delete(api: fakes.Api, named: str = BOB) -> Any:
    return api.client.delete(f"{fakes.V1}suppressions/{named}/", headers=api.headers)


def test_what_is_let_go_here_is_let_go_at_every_vendor(there: Vendors, api: fakes.Api) -> None:
    listed_everywhere(there)
    own()
    assert delete(api).status_code == 204
    assert there.having(BOB) == []
    own()
    assert delete(api).status_code == 204  # it is on no list


def test_where_a_vendor_refuses_it_is_said(there: Vendors, api: fakes.Api) -> None:
    listed_everywhere(there)
    there.refused["/rejects/"] = (
        500,
        {"status": "error", "name": "Invalid_Key", "message": "Invalid API key"},
    )
    there.refused["/v2/email/"] = (403, {"message": "not authorized", "__type": "AccessDeniedException"})
    own()
    answer = delete(api)
    assert (answer.status_code, set(answer.json()["not_removed"])) == (200, {"ses", "mandrill"})
    assert "ses:DeleteSuppressedDestination" in answer.json()["not_removed"]["ses"]
    assert there.having(BOB) == ["ses", "mandrill"]
    assert not Suppression.objects.exists()


def test_a_vendor_that_hangs_is_waited_for_a_moment_only(
    there: Vendors, api: fakes.Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendors, "PATIENCE", 0.5)
    there.waits[f"/v3/{DOMAIN}"] = threading.Event()
    own()
    assert set(delete(api).json()["not_removed"]) == {"mailgun"}


def test_what_is_still_suppressed_for_all_stays_on_the_vendors_lists(there: Vendors, api: fakes.Api) -> None:
    Team.objects.create(name="another team")
    listed_everywhere(there)
    own()
    own(team_id=Team.objects.get(name="tests").pk)
    assert delete(api).status_code == 204
    assert len(there.having(BOB)) == len(there.lists)
    assert there.calls == []


def test_what_one_of_several_teams_entered_itself_is_taken_off_no_vendors_list(
    there: Vendors, api: fakes.Api
) -> None:
    Team.objects.create(name="another team")
    listed_everywhere(there)
    own(team_id=Team.objects.get(name="tests").pk)
    assert delete(api).status_code == 204
    assert there.calls == []


def test_what_another_teams_mail_met_stays_on_the_vendors_lists(there: Vendors, api: fakes.Api) -> None:
    listed_everywhere(there)
    for team in (Team.objects.get(name="tests"), Team.objects.create(name="another team")):
        own(team_id=team.pk, kind="complaint", event_id=ids.uuid7())
    assert delete(api).status_code == 204
    assert there.calls == []


def test_what_ones_own_mail_met_is_taken_off(there: Vendors, api: fakes.Api) -> None:
    Team.objects.create(name="another team")
    listed_everywhere(there)
    own(team_id=Team.objects.get(name="tests").pk, kind="hard_bounce", event_id=ids.uuid7())
    assert delete(api).status_code == 204
    assert there.having(BOB) == []


def test_who_comes_back_to_one_list_stays_on_the_vendors(there: Vendors, api: fakes.Api) -> None:
    own(kind="unsubscribe", scope="list:news")
    assert delete(api).status_code == 204
    assert there.calls == []


def test_the_admin_says_where_it_could_not(there: Vendors, admin_client: Client) -> None:
    there.refused["/rejects/"] = (
        500,
        {"status": "error", "name": "Invalid_Key", "message": "Invalid API key"},
    )
    page = reverse("admin:delivery_suppression_let_go", args=[own().pk])
    answer = admin_client.post(page, {"reason": "New mailbox"}, follow=True)
    assert "The list of mandrill still has bob@example.org" in answer.content.decode()


def test_what_a_vendor_listed_is_kept_from_every_other_vendor(there: Vendors, api: fakes.Api) -> None:
    there.bounce("ann@example.org")
    run()
    assert api.send().json()["code"] == "all_suppressed"
