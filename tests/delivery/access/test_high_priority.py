"""Priority `high` has a scope, and where it is set an allowance of its own."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from delivery.access import keys, terms, usage
from delivery.access.limits import Over
from delivery.models import ApiKey, Email, Limits
from delivery.submission import batches, emails
from delivery.submission.batches import Item
from tests import fakes
from tests.delivery.access.crowds import at_once
from tests.delivery.factories import draft

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
SLOWLY = 0.001  # recipients a second: nothing comes back while a test runs


def limited(**row: Any) -> ApiKey:
    """Return a key of a team with these limits."""
    key, _ = keys.issue("shop", scopes=["emails.send", "batches.send", "priority.high"])
    Limits.objects.create(team=key.team, **row)
    return fresh(key)


def fresh(key: ApiKey) -> ApiKey:
    return ApiKey.objects.select_related("team", "team__limits", "limits").get(pk=key.pk)


def accepted(key: ApiKey, number: int, priority: str) -> int:
    """Return how many of so many emails are taken."""

    def one(_: int) -> bool:
        try:
            emails.accept(draft(priority=priority), team=key.team, key=key)
        except Over:
            return False
        return True

    return sum(map(one, range(number)))


def test_each_has_its_own_where_it_is_set() -> None:
    key = limited(per_second=SLOWLY, burst=3, high_per_second=SLOWLY, high_burst=2)
    assert (accepted(key, 5, "normal"), accepted(key, 5, "high")) == (3, 2)


def test_where_it_is_not_set_they_share_one() -> None:
    key = limited(per_second=SLOWLY, burst=3)
    assert (accepted(key, 2, "normal"), accepted(key, 5, "high")) == (2, 1)


def test_zero_is_no_limit_for_what_is_urgent() -> None:
    key = limited(per_second=SLOWLY, burst=1, high_per_second=0)
    assert (accepted(key, 3, "normal"), accepted(key, 10, "high")) == (1, 10)


def test_a_limit_of_what_is_urgent_limits_nothing_else() -> None:
    key = limited(high_per_second=SLOWLY, high_burst=2)
    assert (accepted(key, 10, "normal"), accepted(key, 5, "high")) == (10, 2)


def test_the_day_is_of_both() -> None:
    key = limited(daily=3, high_per_second=SLOWLY, high_burst=5)
    assert (accepted(key, 2, "normal"), accepted(key, 5, "high")) == (2, 1)


@pytest.mark.django_db(transaction=True)
def test_fifty_threads_get_exactly_what_there_is() -> None:
    key = limited(per_second=SLOWLY, burst=7, high_per_second=SLOWLY, high_burst=9)
    taken = at_once(lambda number: (number % 2, accepted(fresh(key), 1, ("normal", "high")[number % 2])))
    assert [sum(one for lane, one in taken if lane == which) for which in (0, 1)] == [7, 9]


def test_a_batch_takes_of_each_what_it_has() -> None:
    key = limited(per_second=SLOWLY, burst=2, high_per_second=SLOWLY, high_burst=1)
    mixed = [Item(draft=draft(priority=word)) for word in ("normal", "high", "normal")]
    assert len(batches.accept(mixed, team=key.team, key=key)) == 3
    with pytest.raises(Over):
        batches.accept(mixed[1:2], team=key.team, key=key)
    assert {one.name: one.left for one in _policies(key)} == {"burst": 0, "high-burst": 0}


def _policies(key: ApiKey) -> list[usage.Policy]:
    return [one for each in terms.accounts(key.team, key) for one in usage.policies(each, usage.of(each))]


def test_the_answer_says_which_and_for_how_long() -> None:
    key, token = keys.issue("shop", scopes=["emails.send", "priority.high"])
    Limits.objects.create(team=key.team, per_second=1, burst=100, high_per_second=0.1, high_burst=1)
    api = fakes.Api(Client(), token)
    first, second, normal = api.send(priority="high"), api.send(priority="high"), api.send()
    assert [answer.status_code for answer in (first, second, normal)] == [200, 429, 200]
    assert second.json()["code"] == "rate_limited"
    assert int(second.headers["Retry-After"]) in (9, 10)
    assert '"high-burst";q=1;w=10' in normal.headers["RateLimit-Policy"]


@pytest.mark.parametrize("scopes", [["send"], ["emails.send"]])
def test_without_its_scope_it_is_refused_and_nothing_is_stored(scopes: list[str]) -> None:
    api = fakes.Api(Client(), keys.issue("shop", scopes=scopes)[1])
    answer = api.send(priority="high")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert not Email.objects.exists()
    assert api.send().status_code == 200


def test_the_shell_sets_it(capsys: Any) -> None:
    key, _ = keys.issue("shop", scopes=["send"])
    call_command("set_limits", "shop", "--high-per-second", "2.5", "--high-burst", "20")
    row = Limits.objects.get(team=key.team)
    assert (row.high_per_second, row.high_burst, row.per_second) == (2.5, 20, None)
    assert "high_burst: 20" in capsys.readouterr().out
