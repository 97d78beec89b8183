"""mailings/{id}/check/ and start/: who would get it is counted, and confirmed before anything is sent."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.access import audit, keys, pauses
from delivery.db import clock
from delivery.mailings import rules, run
from delivery.models import AuditEntry, Contact, Email, Group, Limits, Mailing, Membership, Suppression, Team
from tests import fakes
from tests.api.mailings import made
from tests.api.mailings.made import error, patch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("links")]


def check(api: fakes.Api, pk: str) -> Any:
    return api.post(f"mailings/{pk}/check/", {})


def start(api: fakes.Api, pk: str, recipients: Any = 1) -> Any:
    return api.post(f"mailings/{pk}/start/", {"recipients": recipients})


def join(group: str, *names: str, **fields: Any) -> None:
    for name in names:
        given = {"email": f"{name}@example.net", "email_key": f"{name}@example.net", **fields}
        who = Contact.objects.create(team=Team.objects.get(name="tests"), **given)
        Membership.objects.create(group_id=group, contact=who)


def test_a_check_counts_everybody_and_names_those_for_whom_it_fails(api: fakes.Api, news: str) -> None:
    join(news, "bob", "eve", first_name="B", data={"city": "Graz"})
    join(news, "nameless", data={"city": "Graz"})
    join(news, "gone")
    Membership.objects.filter(contact__email="gone@example.net").update(status="unsubscribed")
    now = timezone.now()
    Suppression.objects.create(
        team=Team.objects.get(name="tests"), address="eve@example.net", kind="manual", scope="all",
        source="api", first_seen=now, last_seen=now,
    )  # fmt: skip
    answer = check(api, made.mailing(api, news))
    shown = answer.json()
    found = shown["check"]
    assert (answer.status_code, shown["state"], found["running"]) == (200, "checked", False)
    counted = {name: found[name] for name in ("recipients", "suppressed", "unsubscribed", "render_failures")}
    assert counted == {"recipients": 4, "suppressed": 1, "unsubscribed": 1, "render_failures": 1}
    (failed,) = found["failures"]
    assert failed["address"] == "nameless@example.net"
    assert "contact.first_name" in failed["reason"]
    listed = api.get(f"mailings/{shown['id']}/recipients/", render_failures="true").json()["results"]
    assert [(row["email"], row["state"]) for row in listed] == [("nameless@example.net", "waiting")]
    assert found["providers"] == [{"name": "sandbox", "ready": True, "reason": ""}]
    assert (shown["counts"]["waiting"], shown["processed"], Email.objects.count()) == (4, 0, 0)
    assert "walk" not in found


def test_excluded_groups_do_not_get_it(api: fakes.Api, news: str) -> None:
    join(news, "bob")
    team = Team.objects.get(name="tests")
    bought = Group.objects.create(team=team, name="Bought")
    Membership.objects.create(group=bought, contact=Contact.objects.get(email="bob@example.net"))
    pk = made.mailing(api, news, exclude=[str(bought.pk)], text="Hi", html="", subject="Hi")
    assert check(api, pk).json()["check"]["recipients"] == 1


def test_over_the_limit_a_worker_checks_and_the_mailing_shows_how_far_it_is(
    api: fakes.Api, news: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "SMALL", 0)
    pk = made.mailing(api, news)
    answer = check(api, pk)
    assert (answer.status_code, answer.headers["Location"]) == (202, f"{fakes.V1}mailings/{pk}/")
    assert answer.json()["check"] == {"running": True, "processed": 0, "of": 1}
    assert error(start(api, pk)) == (409, "", "mailing_not_checked")
    runner = run.Runner()
    while runner.step(lambda: True):
        pass
    shown = api.get(f"mailings/{pk}/").json()
    assert (shown["state"], shown["check"]["recipients"]) == ("checked", 1)


def test_one_of_a_team_waits_for_a_check_at_a_time(api: fakes.Api, news: str) -> None:
    first, second = made.mailing(api, news), made.mailing(api, news)
    with run._waiter(Team.objects.get(name="tests").pk) as is_only, run._waiter(None) as other:
        assert (is_only, other) == (True, True)
        assert [check(api, pk).status_code for pk in (first, second)] == [202, 202]
    assert [check(api, pk).status_code for pk in (first, second)] == [200, 200]


def test_a_check_that_takes_longer_is_left_to_a_worker(
    api: fakes.Api, news: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_PATIENCE", 0.0)
    pk = made.mailing(api, news)
    assert check(api, pk).status_code == 202
    assert api.get(f"mailings/{pk}/").json()["check"]["running"]


def test_a_check_says_what_is_left_of_the_limits(api: fakes.Api, news: str) -> None:
    Limits.objects.create(team=Team.objects.get(name="tests"), waiting=9)
    assert check(api, made.mailing(api, news))["RateLimit"]


def test_a_check_that_cannot_be_recorded_is_not_made(
    api: fakes.Api, news: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk = made.mailing(api, news)
    with monkeypatch.context() as patch:
        patch.setattr(audit, "record", _fails)
        api.client.raise_request_exception = False
        assert check(api, pk).status_code == 500
    assert Mailing.objects.get().check_asked_at is None


def _fails(*_: Any, **__: Any) -> None:
    raise ZeroDivisionError


def test_what_became_of_the_group_since_is_told_by_the_check(
    api: fakes.Api, news: str, settings: Any
) -> None:
    pk = made.mailing(api, news)
    Group.objects.update(from_address="")
    assert error(check(api, pk)) == (400, "from_address", "required")
    Group.objects.update(from_address="news@example.org")
    settings.GOMAIL_LINK_KEYS = ()
    assert error(check(api, pk)) == (422, "", "unsubscribe_not_set_up")
    Group.objects.update(unsubscribe=False)
    assert check(api, pk).status_code == 200
    Group.objects.all().delete()
    assert error(check(api, pk)) == (400, "group", "required")


def test_a_mailing_is_started_with_the_number_of_its_check(api: fakes.Api, news: str) -> None:
    pk = made.mailing(api, news)
    assert error(start(api, pk)) == (409, "", "mailing_not_checked")
    check(api, pk)
    for number in (0, 2, 10**9):
        assert error(start(api, pk, number)) == (409, "", "mailing_other_number")
    for wrong in (True, 1.0, "1", None, -1, [1], 10**12):
        answer = start(api, pk, wrong)
        assert error(answer)[:2] == (400, "recipients"), wrong
    assert Mailing.objects.get().state == "checked"
    begun = start(api, pk).json()
    assert (begun["state"], begun["recipients"]) == ("sending", 1)
    assert begun["by"] == f"gm_live_{api.token.split('_')[2]}"
    assert begun["started_at"]
    assert error(start(api, pk)) == (409, "", "mailing_state")
    assert AuditEntry.objects.filter(action="mailing.started").count() == 1


def test_a_mailing_for_later_waits_for_its_time(api: fakes.Api, news: str) -> None:
    soon = (timezone.now() + timedelta(hours=1)).isoformat()
    pk = made.started(api, news, send_at=soon)
    shown = api.get(f"mailings/{pk}/").json()
    assert (shown["state"], shown["started_at"]) == ("scheduled", None)


def test_a_time_that_has_passed_since_is_now(
    api: fakes.Api, news: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk = made.checked(api, news, send_at=(timezone.now() + timedelta(hours=1)).isoformat())
    later = clock.now() + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert start(api, pk).json()["state"] == "sending"


def test_a_change_takes_the_number_away(api: fakes.Api, news: str) -> None:
    pk = made.checked(api, news)
    patch(api, f"mailings/{pk}/", {"subject": "Another"})
    assert error(start(api, pk)) == (409, "", "mailing_not_checked")


def test_a_paused_team_starts_nothing(api: fakes.Api, news: str) -> None:
    pk = made.checked(api, news)
    pauses.pause(Team.objects.get(name="tests"))
    keys._live.cache_clear()
    assert start(api, pk).json()["code"] == "paused"
    assert Mailing.objects.get().state == "checked"


@pytest.mark.parametrize(
    ("verbs", "state"),
    [
        ("pause", "paused"),
        ("pause resume", "sending"),
        ("cancel", "cancelled"),
        ("pause cancel", "cancelled"),
    ],
)
def test_a_mailing_is_held_resumed_and_ended(api: fakes.Api, news: str, verbs: str, state: str) -> None:
    pk = made.started(api, news)
    answers = [api.post(f"mailings/{pk}/{verb}/", {}) for verb in verbs.split()]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert answers[-1].json()["state"] == state


def test_what_a_state_does_not_allow_is_refused(api: fakes.Api, news: str) -> None:
    pk = made.mailing(api, news)
    for verb in ("pause", "resume", "cancel", "retry"):
        assert error(api.post(f"mailings/{pk}/{verb}/", {})) == (409, "", "mailing_state"), verb
    begun = made.started(api, news)
    for verb in ("resume", "check"):
        assert error(api.post(f"mailings/{begun}/{verb}/", {})) == (409, "", "mailing_state"), verb


@pytest.mark.parametrize("state", ["scheduled", "sending", "paused"])
@pytest.mark.parametrize(
    "change",
    [
        {"from_address": "ceo@bank.example"},
        {"from_address": ""},
        {"reply_to": "x@y.example"},
        {"unsubscribe": False},
    ],
)
def test_what_a_started_mailing_was_confirmed_with_is_not_changed_through_its_group(
    api: fakes.Api, news: str, state: str, change: dict[str, Any]
) -> None:
    made.started(api, news)
    Mailing.objects.update(state=state)
    before = Group.objects.values().get()
    assert error(patch(api, f"groups/{news}/", change)) == (409, "", "group_in_use")
    assert Group.objects.values().get() == before
    assert patch(api, f"groups/{news}/", {"name": "Other", "unsubscribe": True}).status_code == 200
    Mailing.objects.update(state="done")
    assert patch(api, f"groups/{news}/", change).status_code == 200


@pytest.mark.parametrize(
    "change", [{"from_address": "ceo@bank.example"}, {"reply_to": "x@y.example"}, {"unsubscribe": False}]
)
def test_a_group_that_changed_since_the_check_is_checked_anew(
    api: fakes.Api, news: str, change: dict[str, Any]
) -> None:
    pk = made.checked(api, news)
    assert patch(api, f"groups/{news}/", change).status_code == 200
    assert error(start(api, pk)) == (409, "", "mailing_not_checked")
    assert Mailing.objects.get().state == "checked"
    assert check(api, pk).status_code == 200
    assert start(api, pk).status_code == 200


def test_what_the_mailing_says_itself_does_not_change_with_the_group(api: fakes.Api, news: str) -> None:
    pk = made.checked(api, news, from_address="own@example.org")
    assert patch(api, f"groups/{news}/", {"from_address": "other@example.org"}).status_code == 200
    assert start(api, pk).status_code == 200


@pytest.mark.parametrize("field", ["from_address", "reply_to"])
def test_a_sender_who_was_forgotten_is_asked_for(api: fakes.Api, news: str, field: str) -> None:
    join(news, "bob")
    pk = made.mailing(api, news)
    Group.objects.filter(pk=news).update(**{field: "erased:b00e203ca0533f17b2fb"})
    answer = check(api, pk)
    assert (answer.status_code, error(answer)[1]) == (400, field)


@pytest.mark.parametrize("field", ["from_address", "reply_to"])
def test_a_sender_who_is_forgotten_meanwhile_stops_the_mailing_and_no_worker(
    api: fakes.Api, news: str, field: str
) -> None:
    pk = made.started(api, news)
    Group.objects.filter(pk=news).update(**{field: "erased:b00e203ca0533f17b2fb"})
    run.Runner().step(lambda: True)
    shown = api.get(f"mailings/{pk}/").json()
    assert (shown["state"], shown["reason"][:12]) == ("paused", "Name another")
