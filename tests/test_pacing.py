"""Four real workers with eight threads each send no faster than the account at Amazon may."""

from pathlib import Path

import pytest
from django.db import transaction

from delivery import bundles
from delivery.models import Email
from tests.delivery.factories import draft
from tests.faults import pacing, processes, vendors
from tests.servers import database_url

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True), pytest.mark.slow]
_WORKERS = ("-m", "tests.faults.keeper", "embedded", "4")
_EMAILS = 45  # for more than three seconds


def test_the_account_never_sees_more_than_its_rate(tmp_path: Path) -> None:
    with vendors.stubbed() as account:
        account.limit("ses", pacing.RATE, 1_000_000)
        with transaction.atomic():
            bundles.save_all([bundles.waiting(draft(), None) for _ in range(_EMAILS)])
        with processes.running([*_WORKERS], account.variables() | _environment(tmp_path), tmp_path / "log"):
            sent = Email.objects.filter(status="sent")
            processes.eventually(lambda: sent.count() == _EMAILS, seconds=60)
        seen = account.ledger()

    assert {entry.mode for entry in seen} == {"ok"}
    assert pacing.most_in_a_window(pacing.moments(seen)) <= pacing.ALLOWED


def _environment(folder: Path) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "gomail.settings",
        "DATABASE_URL": database_url(),
        "GOMAIL_PROVIDERS": "ses",
        "GOMAIL_STORAGE_DIR": str(folder / "attachments"),
        "GOMAIL_JOURNAL_DIR": str(folder / "journal"),
        "WORKER_THREADS": "8",
    }
