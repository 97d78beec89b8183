"""What the scanner refuses costs no allowance, and what waits for it costs what any email costs that waits."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models.functions import Now

from delivery.access import keys
from delivery.access.limits import Over
from delivery.content.drafts import Draft
from delivery.files import scan
from delivery.files.refused import FileRefused
from delivery.models import ApiKey, Email, Limits
from delivery.sending import rounds, scanning
from delivery.submission import batches, emails, idempotency
from delivery.submission.batches import Item
from tests import scanner
from tests.delivery.factories import a_file, draft
from tests.scanner import Fake

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
FOUND = scanner.says(b"stream: Eicar-Test FOUND\0")


@pytest.fixture
def fake(settings: Any) -> Iterator[Fake]:
    one = Fake(scanner.says(b"stream: OK\0"))
    settings.CLAMD_URL = one.url
    yield one
    one.close()


@pytest.fixture
def key() -> ApiKey:
    """Return a key whose team may send five emails a day, have five that wait, and keep a MB."""
    key, _ = keys.issue("shop", scopes=["send"])
    Limits.objects.create(team=key.team, daily=5, waiting=5, stored_mb=1)
    return ApiKey.objects.select_related("team", "team__limits", "limits").get(pk=key.pk)


def with_file(content: bytes = b"12345") -> Draft:
    return draft(text="", attachments=(a_file(content),))


def items(*drafts: Draft, by: str = "") -> list[Item]:
    uses = [idempotency.use(f"{by}{number}", None) if by else None for number, _ in enumerate(drafts)]
    return [Item(draft=one, key_use=use) for one, use in zip(drafts, uses, strict=True)]


def used() -> tuple[int, int | None]:
    """Return the recipients of the day and the bytes that are counted."""
    row = Limits.objects.get()
    return row.day_used, row.stored


@pytest.mark.parametrize("way", [emails.accept, emails.send])
def test_a_refused_file_costs_nothing(way: Any, fake: Fake, key: ApiKey) -> None:
    fake.behaviour = FOUND
    with pytest.raises(FileRefused):
        way(with_file(), team=key.team, key=key)
    assert (used()[0], used()[1] or 0) == (0, 0)


@pytest.mark.parametrize("by", ["", "key-"])
def test_a_refused_file_costs_nothing_in_a_batch_and_the_others_fit(by: str, fake: Fake, key: ApiKey) -> None:
    fake.behaviour = FOUND
    others = [draft(text="123") for _ in range(5)]
    refused, *accepted = batches.accept(items(with_file(), *others, by=by), team=key.team, key=key)
    assert isinstance(refused, FileRefused)
    assert all(isinstance(one, Email) for one in accepted)
    assert used() == (5, 15)


def test_a_batch_with_limits_is_scanned(fake: Fake, key: ApiKey) -> None:
    [email] = batches.accept(items(with_file()), team=key.team, key=key)
    assert isinstance(email, Email)
    assert (fake.files, email.attachments.get().scanned_as) == (1, "Fake 1/1")


@pytest.mark.parametrize("by", ["", "key-"])
def test_a_batch_with_limits_is_held_together_and_waits(
    by: str, fake: Fake, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "_HOLD", 0.5)
    fake.behaviour = scanner.hangs
    began = time.monotonic()
    waiting = batches.accept(
        items(*(with_file(b"%d" % number) for number in range(5)), by=by), team=key.team, key=key
    )
    assert time.monotonic() - began < 4
    assert all(isinstance(one, Email) and scanning.is_awaited(one) for one in waiting)


@pytest.mark.parametrize("way", [emails.accept, emails.send])
def test_what_waits_for_the_scanner_costs_like_all_that_waits(way: Any, key: ApiKey, settings: Any) -> None:
    settings.CLAMD_URL = "unix:///nobody/is/there"
    for _ in range(5):
        assert scanning.is_awaited(way(with_file(), team=key.team, key=key))
    assert used() == (5, 25)
    with pytest.raises(Over):
        way(with_file(), team=key.team, key=key)
    assert Email.objects.count() == 5


def test_who_is_over_a_limit_does_not_hold_the_scanner(fake: Fake, key: ApiKey) -> None:
    for _ in range(5):
        emails.accept(draft(), team=key.team, key=key)
    with pytest.raises(Over):
        emails.accept(with_file(), team=key.team, key=key)
    assert fake.files == 0


def test_malware_that_waited_for_its_verdict_is_counted_off(fake: Fake, key: ApiKey, settings: Any) -> None:
    settings.CLAMD_URL = "unix:///nobody/is/there"
    email = emails.accept(with_file(), team=key.team, key=key)
    assert used()[1] == 5
    settings.CLAMD_URL, fake.behaviour = fake.url, FOUND
    scan.forget()
    Email.objects.update(due_at=Now())
    rounds.dispatch(email.pk)
    email.refresh_from_db()
    assert (email.status, used()[1]) == ("failed", 0)
