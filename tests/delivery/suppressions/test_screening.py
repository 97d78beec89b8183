"""Which entries keep which mail from a recipient."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from delivery.db import clock
from delivery.models import Suppression, Team
from delivery.suppressions import entries, screening
from delivery.suppressions.entries import Finding
from delivery.suppressions.screening import Mail

BOB = "bob@example.org"
RECEIPT = Mail(team_id=None)
RESET = Mail(team_id=None, purpose="essential")
ADVERT = Mail(team_id=None, purpose="marketing")
OFFERS = Mail(team_id=None, purpose="marketing", unsubscribe="marketing")
NEWS = Mail(team_id=None, purpose="marketing", unsubscribe="list:news")
EVERY = (RECEIPT, RESET, ADVERT, OFFERS, NEWS)


def add(kind: str, scope: str = "all", team_id: int | None = None) -> None:
    given = {"source": "ses", "at": clock.now()}
    entries.add([Finding(team_id=team_id, address=BOB, kind=kind, scope=scope, **given)])


def stopped(team_id: int | None = None) -> list[Mail]:
    return [mail for mail in EVERY if screening.kept_out(mail, [BOB, "ann@example.org"])]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "scope", "expected"),
    [
        ("hard_bounce", "all", EVERY),
        ("invalid", "all", EVERY),
        ("manual", "all", EVERY),
        ("vendor", "all", EVERY),
        ("complaint", "all", (RECEIPT, ADVERT, OFFERS, NEWS)),
        ("unsubscribe", "marketing", (ADVERT, OFFERS, NEWS)),
        ("unsubscribe", "list:news", (NEWS,)),
        ("unsubscribe", "list:other", ()),
        ("manual", "marketing", (ADVERT, OFFERS, NEWS)),
        ("manual", "list:news", (NEWS,)),
    ],
)
def test_what_an_entry_stops(kind: str, scope: str, expected: tuple[Mail, ...]) -> None:
    add(kind, scope)
    assert stopped() == list(expected)


@pytest.mark.django_db
def test_a_teams_entry_stops_its_own_mail_and_one_for_all_stops_everybodys() -> None:
    shop, other = (Team.objects.create(name=name) for name in ("shop", "other"))
    add("hard_bounce", team_id=shop.pk)
    whose = [team for team in (shop.pk, other.pk, None) if screening.kept_out(Mail(team_id=team), [BOB])]
    assert whose == [shop.pk]

    add("manual")
    whose = [team for team in (shop.pk, other.pk, None) if screening.kept_out(Mail(team_id=team), [BOB])]
    assert whose == [shop.pk, other.pk, None]


@pytest.mark.django_db
def test_the_first_cause_is_the_one_that_is_told() -> None:
    add("complaint")
    add("manual")
    assert screening.kept_out(RECEIPT, [BOB])[BOB].kind == "complaint"
    assert screening.kept_out(RESET, [BOB])[BOB].kind == "manual"


@pytest.mark.django_db
def test_fifty_recipients_are_one_statement_and_an_empty_table_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(screening, "_EMPTY_FOR", 60.0)
    fifty = [f"{number}@example.org" for number in range(50)]
    screening.kept_out(RECEIPT, fifty)
    with CaptureQueriesContext(connection) as queries:
        assert screening.kept_out(RECEIPT, fifty) == {}
    assert len(queries) == 0

    add("manual")
    screening.kept_out(RECEIPT, fifty)
    with CaptureQueriesContext(connection) as queries:
        assert screening.kept_out(RECEIPT, [BOB, *fifty]).keys() == {BOB}
    assert len(queries) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize("number", [1, 3])
def test_the_compiled_statement_reads_what_the_orm_reads(number: int, *, owned: bool) -> None:
    shop, other = (Team.objects.create(name=name) for name in ("shop", "other"))
    for kind in ("manual", "complaint"):
        for whose in (shop.pk, other.pk, None):
            add(kind, team_id=whose)
    Suppression.objects.filter(kind="complaint").update(expires_at=clock.now() - timedelta(minutes=1))
    several = [BOB, "a'b%s@example.org", "ann@example.org"][:number]

    team = shop if owned else None
    plain = Suppression.objects.seen_by(team).in_force().filter(address__in=several).order_by("first_seen")
    read = screening._OF.run(several, team=team.pk if team else None)
    assert [columns(row) for row in read] == [columns(row) for row in plain]
    assert len(read) == 1 + owned


def columns(row: Suppression) -> list[Any]:
    return [getattr(row, field.attname) for field in row._meta.concrete_fields]


@pytest.fixture
def another_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let `add` be done by a process whose memory is not this one's."""
    with monkeypatch.context() as patched:
        patched.setattr(screening, "forget", lambda: None)
        yield add


@pytest.mark.django_db
def test_what_another_process_adds_to_an_empty_table_is_seen_within_a_second(another_process: Any) -> None:
    assert stopped() == []
    another_process("manual")
    seen = threading.Event()
    for _ in range(100):
        if screening.kept_out(RECEIPT, [BOB]):
            break
        seen.wait(0.01)
    else:
        pytest.fail("not seen within a second")


@pytest.mark.django_db(transaction=True)
def test_a_look_that_began_before_a_commit_is_not_believed_after_it() -> None:
    with transaction.atomic():
        add("manual")
        elsewhere = threading.Thread(target=_look)
        elsewhere.start()
        elsewhere.join()
    assert screening.kept_out(RECEIPT, [BOB])
    Suppression.objects.all().delete()


def _look() -> None:
    screening.kept_out(RECEIPT, [BOB])
    connection.close()
