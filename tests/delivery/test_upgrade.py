"""A database of the version before, with data, goes on; and processes of that version run on beside new ones."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone

from delivery.access import keys
from delivery.models import ApiKey, Email, Suppression, Team
from tests import fakes

BEFORE = ("delivery", "0016_events_of_lists")
NAME = "gomail_upgrade"


@pytest.fixture
def another_database(django_db_setup: None, django_db_blocker: Any, tmp_path: Any) -> Iterator[None]:
    """Stand on an empty database instead of the suite's."""
    with django_db_blocker.unblock():
        before = connection.settings_dict["NAME"]
        sqlite = connection.vendor == "sqlite"
        if not sqlite:
            _order(f"DROP DATABASE IF EXISTS {NAME}", f"CREATE DATABASE {NAME}")
        connection.close()
        connection.settings_dict["NAME"] = str(tmp_path / "upgrade.sqlite3") if sqlite else NAME
        yield
        connection.close()
        connection.settings_dict["NAME"] = before
        if not sqlite:
            _order(f"DROP DATABASE {NAME}")


def _order(*statements: str) -> None:
    with connection._nodb_cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def old(another_database: None) -> SimpleNamespace:
    """Return the tables as the version before knows them, with an owner, two keys and emails of every kind in them."""
    call_command("migrate", *BEFORE, verbosity=0)
    apps = MigrationExecutor(connection).loader.project_state([BEFORE]).apps
    models = SimpleNamespace(**{model.__name__: model for model in apps.get_models()})
    owner = models.Owner.objects.create(name="shop")
    tokens = {}
    for scope in ("send", "read"):
        public_id, tokens[scope] = keys.new_token()
        models.ApiKey.objects.create(
            owner=owner, public_id=public_id, digest=keys.digest(tokens[scope]), scopes=[scope]
        )
    for status in ("sent", "queued", "unknown"):
        written(models, owner, status=status)
    written(models, None, status="sent")
    now = timezone.now()
    models.Suppression.objects.create(
        owner=owner,
        address="eve@example.org",
        kind="manual",
        scope="all",
        source="api",
        first_seen=now,
        last_seen=now,
    )
    call_command("migrate", verbosity=0)
    return SimpleNamespace(models=models, tokens=tokens)


def written(models: Any, owner: Any, **fields: Any) -> Any:
    given = {"from_address": "me@example.org", "subject": "Old", "text_body": "Old body", **fields}
    email = models.Email.objects.create(owner=owner, **given)
    models.Recipient.objects.create(
        email=email, kind="to", address="ann@example.org", canonical="ann@example.org"
    )
    return email


@pytest.mark.slow
def test_keys_owners_and_emails_go_on_and_old_processes_beside_new_ones(
    old: SimpleNamespace, settings: Any
) -> None:
    settings.GOMAIL_PROVIDERS = ("sandbox",)
    goes_on(old)
    runs_beside(old)


def goes_on(old: SimpleNamespace) -> None:
    team = Team.objects.get(name="shop")
    assert (team.emails.count(), team.keys.count(), Email.objects.count()) == (3, 2, 4)
    assert Suppression.objects.get().team == team
    sender, reader = (fakes.Api(Client(), old.tokens[scope]) for scope in ("send", "read"))
    assert sender.send().status_code == 200
    assert sender.send(priority="high").status_code == 200
    assert sender.get("emails/").status_code == 403
    listed = reader.get("emails/").json()["results"]
    assert len(listed) == 5
    oldest = reader.get(f"emails/{listed[-1]['id']}/").json()
    assert oldest["text_body"] == "Old body"
    waiting = next(one["id"] for one in listed if one["status"] == "queued" and one["subject"] == "Old")
    assert sender.post(f"emails/{waiting}/cancel/", {}).status_code == 200
    assert reader.get("providers/").status_code == 200
    assert reader.send().status_code == 403


def runs_beside(old: SimpleNamespace) -> None:
    """Do what a process of the version before does, by its own models."""
    models = old.models
    owner, public_id = models.Owner.objects.get(name="shop"), old.tokens["send"].split("_")[2]
    key = models.ApiKey.objects.select_related("owner", "owner__limits", "limits").get(public_id=public_id)
    assert (key.owner.name, key.owner.paused_at) == ("shop", None)
    models.ApiKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now())
    with transaction.atomic():
        email = written(models, owner, status="queued", due_at=timezone.now())
    found = models.Email.objects.exclude(
        owner__in=models.Owner.objects.filter(paused_at__isnull=False).values("pk")
    )
    assert email in found
    models.Email.objects.filter(pk=email.pk).update(status="sending", epoch=1)
    assert Email.objects.get(pk=email.pk).team == Team.objects.get(name="shop")
    public_id, token = keys.new_token()
    models.ApiKey.objects.create(
        owner=owner, public_id=public_id, digest=keys.digest(token), scopes=["send", "read"]
    )
    assert fakes.Api(Client(), token).send().status_code == 200
    models.Owner.objects.filter(pk=owner.pk).update(paused_at=timezone.now())
    assert Team.objects.get(name="shop").paused_at is not None
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO delivery_owner (name, created_at) VALUES ('forum', %s)", [timezone.now()])
    assert Team.objects.filter(name="forum").exists()
    assert ApiKey.objects.count() == 3
