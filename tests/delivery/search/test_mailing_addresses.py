"""Recipients of a mailing are found by their address along an index, on both databases."""

import pytest
from django.db import connection

from delivery.models import Mailing, MailingRecipient
from delivery.search import mailing_addresses
from delivery.search.mailing_addresses import Rows

pytestmark = pytest.mark.django_db
MANY = 3_000


@pytest.fixture
def rows() -> Rows:
    """The recipients of one mailing, with as many of another."""
    for name in ("one", "other"):
        mailing = Mailing.objects.create(name=name)
        MailingRecipient.objects.bulk_create(
            MailingRecipient(mailing=mailing, address=f"Person{each}@Example.com") for each in range(MANY)
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return MailingRecipient.objects.filter(mailing=mailing).order_by("-id")


def test_a_whole_address_is_found_whatever_its_case(rows: Rows) -> None:
    assert [row.address for row in mailing_addresses.at(rows, " person7@EXAMPLE.com ")] == [
        "Person7@Example.com"
    ]
    assert not mailing_addresses.at(rows, "person7")


def test_a_beginning_is_found_whatever_its_case_and_as_it_is_written(rows: Rows) -> None:
    assert mailing_addresses.beginning(rows, "PERSON299").count() == 11
    assert not mailing_addresses.beginning(rows, "person_")
    assert not mailing_addresses.beginning(rows, "%")


@pytest.mark.parametrize("asked", [mailing_addresses.at, mailing_addresses.beginning])
def test_either_is_read_along_the_index(rows: Rows, asked: object) -> None:
    found = asked(rows, "person77@example.com")  # type: ignore[operator]
    assert mailing_addresses.NAME in found.explain()
