"""So many tries in a window, exactly, and with the last of them none for as long again."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from delivery.access import tries
from delivery.access.tries import Limit, TooManyTries
from delivery.models import Tries
from tests.delivery.access.crowds import at_once

THREE = Limit(kind="three a minute", most=3, seconds=60)
OTHER = Limit(kind="another", most=3, seconds=60)


def refused(limit: Limit, *what: str) -> float:
    with pytest.raises(TooManyTries) as caught:
        tries.take(limit, *what)
    return caught.value.seconds


def pass_by(seconds: int) -> None:
    """Let so much time go by for all that was counted."""
    Tries.objects.update(until=F("until") - timedelta(seconds=seconds))


@pytest.mark.django_db
def test_the_last_try_begins_a_lock_as_long_as_the_window() -> None:
    tries.take(THREE, "anna")
    pass_by(50)
    for _ in range(2):
        tries.take(THREE, "anna")
    assert 55 < refused(THREE, "anna") <= 60
    pass_by(58)
    assert 0 < refused(THREE, "anna") <= 2
    pass_by(2)
    tries.take(THREE, "anna")
    assert Tries.objects.get().number == 1


@pytest.mark.django_db
def test_a_window_ends_on_time_however_often_it_is_tried() -> None:
    for _ in range(4):
        tries.take(THREE, "anna")
        pass_by(30)
        tries.take(THREE, "anna")
        pass_by(30)


@pytest.mark.django_db
def test_what_is_refused_prolongs_nothing() -> None:
    for _ in range(3):
        tries.take(THREE, "anna")
    before = Tries.objects.get()
    refused(THREE, "anna")
    assert Tries.objects.filter(until=before.until, number=3).exists()


@pytest.mark.django_db
def test_what_is_given_back_is_free_again() -> None:
    for _ in range(10):
        tries.take(THREE, "anna").give_back()
    tries.refuse(THREE, "anna")


@pytest.mark.django_db
def test_each_kind_and_each_name_counts_for_itself() -> None:
    for _ in range(3):
        tries.take(THREE, "anna")
    tries.take(THREE, "bea")
    tries.take(OTHER, "anna")
    tries.take(THREE, "an", "na")
    tries.refuse(THREE, "bea")
    with pytest.raises(TooManyTries):
        tries.refuse(THREE, "ANNA")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 100_000, "", "ſ"])
def test_any_text_is_a_name(name: str) -> None:
    for _ in range(3):
        tries.take(THREE, name)
    refused(THREE, name)


@pytest.mark.django_db
def test_no_name_can_be_read_in_the_table() -> None:
    tries.take(THREE, "192.0.2.1", "anna")
    assert all(word not in str(Tries.objects.values().get()) for word in ("192.0.2", "anna"))


@pytest.mark.django_db(transaction=True)
def test_fifty_threads_get_exactly_what_is_allowed() -> None:
    limit = Limit(kind="seven", most=7, seconds=60)

    def one(number: int) -> bool:
        try:
            tries.take(limit, "anna")
        except TooManyTries:
            return False
        return True

    assert at_once(one).count(True) == 7


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(address: str, client: str) -> None:
    assert tries.network(address) == client


@pytest.mark.django_db
def test_what_is_over_is_pruned(capsys: Any) -> None:
    from django.core.management import call_command

    tries.take(THREE, "anna")
    pass_by(61)
    tries.take(THREE, "bea")
    call_command("prune")
    assert Tries.objects.count() == 1
