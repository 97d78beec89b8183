"""The audit's pages in a real browser: nothing in an entry runs, and it can be read on a phone."""

import json
from pathlib import Path

import pytest
from django.db import transaction

from delivery.access import actor, audit
from delivery.access.actor import Actor
from delivery.models import AuditEntry, Team
from tests.browser.watching import Watched, fits, keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/admin/delivery/auditentry/"
HOSTILE = "<script>pwn()</script><img src=x onerror=pwn()>"
PERSON = Actor(
    kind="member", id="7", name="ada@example.org", address="2001:db8::8a2e:370:7334", request_id="a-1"
)


@pytest.fixture
def entry() -> AuditEntry:
    team = Team.objects.create(name=f"shop {HOSTILE}")
    with transaction.atomic():
        with actor.acting(PERSON):
            audit.record("key.revoked", "key", "Ab3dEf7h", team=team, after={"waiting": "send"})
            before, after = {"daily": None, "per_second": 2.5}, {"daily": 10_000, "per_second": 5.0}
            audit.record("limits.set", "key", "Ab3dEf7h", team=team, before=before, after=after)
        with actor.acting(Actor(kind="system", id="pause", name="manage.py pause")):
            audit.record("team.paused", "team", team.pk, team=team)
        with actor.acting(
            Actor(kind="key", id="Zz9yXw8v", name=HOSTILE, address=HOSTILE, request_id=HOSTILE)
        ):
            told = {HOSTILE: HOSTILE, "url": "https://example.org/" + "a" * 300}
            audit.record("suppression.added", "suppression", HOSTILE * 4, team=team, before=told, after=told)
    return AuditEntry.objects.get(action="suppression.added")


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_the_pages(watched: Watched, entry: AuditEntry, look: str, width: int) -> None:
    page, name = watched.page, f"audit-{look}-{width}"
    page.emulate_media(color_scheme=look)
    page.set_viewport_size({"width": width, "height": 844})
    limits = AuditEntry.objects.get(action="limits.set")
    for path, picture in (("", ""), (f"{limits.pk}/change/", "-limits"), (f"{entry.pk}/change/", "-one")):
        watched.open(LIST + path)
        keep(page, f"{name}{picture}.png", full_page=True)
        assert fits(page), path
    watched.settle()
    assert (watched.ran, watched.outside()) == ([], [])


def test_what_is_shown_is_exported(watched: Watched, entry: AuditEntry, tmp_path: Path) -> None:
    watched.open(f"{LIST}?q=limits.set")
    with watched.page.expect_download() as coming:
        watched.page.get_by_role("link", name="Export JSON lines").click()
    coming.value.save_as(tmp_path / "audit.jsonl")
    (row,) = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert json.loads(row)["after"] == {"daily": 10_000, "per_second": 5.0}
