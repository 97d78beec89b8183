"""Teams and keys are paused, limited and revoked by whoever may change them, and it is kept who did it."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from delivery.access import keys
from delivery.models import ApiKey, Email, Limits, Team
from tests.delivery.admin.pages import reader
from tests.delivery.factories import queued

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(db: None) -> Client:
    """Somebody who may do everything."""
    cache.clear()
    client = Client()
    client.force_login(User.objects.create_superuser("anna"))
    return client


@pytest.fixture
def key(db: None) -> ApiKey:
    return keys.issue("shop", scopes=["send"])[0]


def url(holder: Team | ApiKey, word: str) -> str:
    kind = "team" if isinstance(holder, Team) else "apikey"
    return f"/admin/delivery/{kind}/{holder.pk}/{word}/"


def holders(key: ApiKey) -> tuple[Team | ApiKey, ...]:
    return key.team, key


@pytest.mark.parametrize("which", [0, 1], ids=["team", "key"])
def test_a_page_pauses_and_resumes(anna: Client, key: ApiKey, which: int) -> None:
    holder = holders(key)[which]
    queued(team=key.team, key=key)
    asked = anna.get(url(holder, "pause"))
    assert "1 email waits now" in asked.content.decode()
    holder.refresh_from_db()
    assert holder.paused_at is None

    anna.post(url(holder, "pause"), {"order": "pause"})
    holder.refresh_from_db()
    assert holder.paused_at
    assert "Resume it" in anna.get(url(holder, "pause")).content.decode()
    anna.post(url(holder, "pause"), {"order": "resume"})
    holder.refresh_from_db()
    assert holder.paused_at is None
    said = set(LogEntry.objects.values_list("change_message", flat=True))
    assert said == {"Paused.", "Resumed."}


@pytest.mark.parametrize("which", [0, 1], ids=["team", "key"])
def test_a_page_sets_limits_and_shows_what_is_left(anna: Client, key: ApiKey, which: int) -> None:
    holder = holders(key)[which]
    assert "There is no limit" in anna.get(url(holder, "limits")).content.decode()
    answer = anna.post(url(holder, "limits"), {"per_second": "2.5", "daily": "100", "waiting": "0"})
    assert answer.status_code == 302
    row = Limits.objects.get()
    assert (row.per_second, row.burst, row.daily, row.waiting, row.stored_mb) == (2.5, None, 100, 0, None)
    shown = anna.get(url(holder, "limits")).content.decode()
    assert "burst" in shown
    assert 'value="2.5"' in shown


@pytest.mark.parametrize(
    "wrong", [{"daily": "-1"}, {"daily": "many"}, {"per_second": "0.0001"}, {"burst": "2000000"}]
)
def test_a_limit_that_is_none_is_refused(anna: Client, key: ApiKey, wrong: dict[str, str]) -> None:
    answer = anna.post(url(key.team, "limits"), wrong)
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.content.decode()
    assert not Limits.objects.exists()


@pytest.mark.parametrize(("words", "left"), [({}, "queued"), ({"waiting": "cancel"}, "cancelled")])
def test_revoking_asks_what_becomes_of_what_waits(
    anna: Client, key: ApiKey, words: dict[str, str], left: str
) -> None:
    queued(team=key.team, key=key)
    assert "cancel them" in anna.get(url(key, "revoke")).content.decode()
    anna.post(url(key, "revoke"), words)
    key.refresh_from_db()
    assert key.revoked_at
    assert Email.objects.get().status == left


@pytest.mark.parametrize("word", ["pause", "limits"])
def test_whoever_may_only_look_changes_nothing(key: ApiKey, word: str) -> None:
    client = reader("support")
    for holder in holders(key):
        answer: Any = client.post(url(holder, word), {"order": "pause", "daily": "1"})
        assert answer.status_code in (302, 403)
        holder.refresh_from_db()
        assert holder.paused_at is None
    assert not Limits.objects.exists()
