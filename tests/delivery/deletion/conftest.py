"""What the tests of deleted teams share."""

from datetime import timedelta

import pytest

from delivery.deletion import job, journals
from delivery.models import Team


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no other machine, and remember no other test."""
    monkeypatch.setattr(job, "QUIET", timedelta())
    monkeypatch.setattr(journals, "_overwritten", journals._Overwritten())


@pytest.fixture
def shop(db: None) -> Team:
    return Team.objects.create(name="shop")


@pytest.fixture
def bank(db: None) -> Team:
    return Team.objects.create(name="bank")
