"""Every change over the API leaves exactly one entry, in its own transaction, and no secret in it."""

import json
from typing import Any

import pytest
from django.test import Client

from delivery.access import audit, keys
from delivery.models import ApiKey, AuditEntry, WebhookEndpoint
from tests import fakes, tables
from tests.api.changes import CHANGES, ELSEWHERE, NO_ENTRY, team
from tests.api.document import documented
from tests.paths import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "k" * 40  # of tombstones
WRITING = {"POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture(autouse=True)
def _tombstones(settings: Any) -> None:
    settings.GOMAIL_TOMBSTONE_KEYS = (KEY,)


def operations() -> set[str]:
    """Return all that writes, as `METHOD path/below/the/root/`."""
    found = {(method.upper(), path) for path, method, _ in documented()}
    return {f"{method} {path.removeprefix(fakes.V1)}" for method, path in found if method in WRITING}


def secrets(api: fakes.Api, answer: Any) -> set[str]:
    """Return all that nobody may read in an entry."""
    body = json.loads(answer.content or "{}")
    told = {body.get("secret"), body.get("token"), body.get("key"), "canary", api.token}
    link = {(body.get("link") or "").rstrip("/").rpartition("/")[2]}
    stored = set(ApiKey.objects.values_list("digest", flat=True))
    hooks = set(WebhookEndpoint.objects.values_list("secret", flat=True))
    return {secret for secret in told | link | stored | hooks if isinstance(secret, str) and secret}


def test_each_path_that_changes_something_is_looked_at() -> None:
    """Whoever adds a path adds it to tests/api/changes.py."""
    elsewhere = {one for one in operations() if one.partition(" ")[2].startswith(tuple(ELSEWHERE))}
    assert operations() - elsewhere == CHANGES.keys() | NO_ENTRY.keys()
    for one in elsewhere:
        name = next(name for begins, name in ELSEWHERE.items() if one.partition(" ")[2].startswith(begins))
        assert "AuditEntry" in (ROOT / name).read_text(), one


def fails(*_: Any, **__: Any) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_leaves_one_entry_without_a_secret_or_is_not_done(api: fakes.Api, operation: str) -> None:
    change = CHANGES[operation]
    path = change.path(api)
    before, known = tables.snapshot(), set(AuditEntry.objects.values_list("pk", flat=True))

    with pytest.MonkeyPatch.context() as patch:  # it cannot be recorded
        patch.setattr(audit, "record", fails)
        lax = fakes.Api(Client(raise_request_exception=False), api.token)
        assert change.make(lax, path).status_code == 500
    assert tables.snapshot() == before

    answer = change.make(api, path, **{"X-Request-ID": "mine-1"})
    assert answer.status_code < 300, answer.content
    (entry,) = AuditEntry.objects.exclude(pk__in=known)
    assert entry.action == change.action
    assert (entry.team, entry.request_id, entry.address) == (team(), "mine-1", "127.0.0.1")
    assert (entry.actor_kind, entry.actor_id) == ("key", api.token.split("_")[2])
    kept = json.dumps(list(AuditEntry.objects.values()), default=str)
    assert {secret for secret in secrets(api, answer) if secret in kept} == set()


@pytest.mark.parametrize("operation", ["DELETE keys/{id}/", "POST webhooks/", "PATCH emails/{id}/"])
def test_what_is_refused_leaves_no_entry(api: fakes.Api, operation: str) -> None:
    change = CHANGES[operation]
    path = change.path(api)
    ApiKey.objects.filter(public_id=api.token.split("_")[2]).update(scopes=["stats.read"])
    before = tables.snapshot()
    keys._live.cache_clear()
    assert change.make(api, path).status_code == 403
    assert tables.snapshot() == before


def test_a_dry_run_and_what_changes_nothing_leave_no_entry(api: fakes.Api) -> None:
    before = AuditEntry.objects.count()
    given = {"filter": {"recipient": "bob@example.org"}}
    for body in (given | {"dry_run": True}, given):  # there is none
        assert api.post("emails/cancel/", body).json()["count"] == 0
    dry = api.post("suppressions/import/?dry_run=true", "address,kind\nann@example.org,manual\n", "text/csv")
    assert dry.json()["added"] == 1
    assert AuditEntry.objects.count() == before
