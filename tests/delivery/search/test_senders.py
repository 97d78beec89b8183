"""The senders and domains of the log are found by jumps along their index, however many there are."""

import pytest
from django.db import connection

from delivery.models import Email
from delivery.search import senders
from tests.delivery.factories import written

pytestmark = pytest.mark.django_db


def test_all_domains_are_found_each_once() -> None:
    for address in ("ann@b.example", "Bob@B.Example", "ann@a.example", '"ann@c.example"@z.example', ""):
        written(from_address=address)
    assert senders.domains() == ["a.example", "b.example", "z.example"]


def test_no_domain_is_hidden_behind_thousands_of_senders() -> None:
    crowd = [Email(from_address=f"user{number}@a.example") for number in range(senders._MOST + 1)]
    Email.objects.bulk_create([*crowd, Email(from_address="ann@z.example")])
    assert senders.domains() == ["a.example", "z.example"]
    assert senders.like("@z") == ["ann@z.example"]


def test_a_beginning_finds_senders_of_any_domain_and_a_domain_its_own() -> None:
    for address in ("News@a.example", "news@b.example", "shop@a.example", "shop@ab.example"):
        written(from_address=address)
    assert senders.like("news") == ["news@a.example", "news@b.example"]
    assert senders.like("@a.ex") == ["news@a.example", "shop@a.example"]


def test_a_domain_keeps_its_own_emails_whatever_the_case() -> None:
    mine = written(from_address="Shop@A.example")
    written(from_address="shop@b.a.example")
    assert senders.at(Email.objects.all(), "A.Example").get() == mine
    assert senders.sent_from(Email.objects.all(), "SHOP@a.example").get() == mine


def test_a_domain_with_many_emails_keeps_its_own_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "_MANY", 1)
    mine = written(from_address="Shop@A.example")
    written(from_address="shop@b.a.example")
    assert senders.at(Email.objects.all(), "A.Example").get() == mine


def test_the_index_is_what_is_asked() -> None:
    written(from_address="shop@a.example")
    plain = Email.objects.order_by("-id").only("id")
    for found in (senders.sent_from(plain, "shop@a.example"), senders.at(plain.order_by(), "a.example")):
        assert "email_by_domain" in plan(found)


def plan(found: object) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
    return str(found.explain())  # type: ignore[attr-defined]
