"""Commands that change something say so in the audit, under their own name."""

from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User
from django.core.management import call_command, get_commands
from django.utils import timezone

from delivery import bundles
from delivery.access import keys
from delivery.db import ids
from delivery.management import base
from delivery.models import AuditEntry, Team
from tests.delivery.factories import draft, queued

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


def run(*arguments: str, **options: Any) -> list[tuple[str, str]]:
    """Run a command, and return what it has recorded: by whom, and what."""
    before = set(AuditEntry.objects.values_list("pk", flat=True))
    call_command(*arguments, stdout=StringIO(), stderr=StringIO(), **options)
    new = AuditEntry.objects.exclude(pk__in=before).order_by("pk")
    return [(row.actor_name, row.action) for row in new]


def old_email() -> None:
    """Write an email that was made and finished nine days ago."""
    bundle = bundles.waiting(draft(), None)
    email, then = bundle.email, timezone.now() - timedelta(days=9)
    email.id, email.created_at, email.finished_at = ids.at(then), then, then
    email.status, email.due_at = "sent", None
    for row in bundle.recipients:
        row.email, row.status = email, "accepted"
    bundle.save()


def test_each_command_of_ours_acts_under_its_own_name() -> None:
    ours = {name for name, app in get_commands().items() if app == "delivery"} - {"check", "flush"}
    for name in ours:
        module = __import__(f"delivery.management.commands.{name}", fromlist=["Command"])
        assert issubclass(module.Command, base.Command), name


def test_what_is_set_and_ordered_at_the_shell_is_on_record() -> None:
    by = "manage.py create_api_key"
    assert run("create_api_key", "shop") == [(by, "team.created"), (by, "key.created")]
    assert run("create_api_key", "shop") == [(by, "key.created")]
    assert run("set_limits", "shop", "--daily", "5") == [("manage.py set_limits", "limits.set")]
    assert run("set_limits", "shop") == []
    assert run("pause", "shop") == [("manage.py pause", "team.paused")]
    assert run("pause", "shop") == []
    assert run("resume", "shop") == [("manage.py resume", "team.resumed")]
    key, _ = keys.issue("shop", scopes=["emails.read"])
    assert run("revoke_api_key", key.public_id) == [("manage.py revoke_api_key", "key.revoked")]
    assert run("add_member", "shop", "eve@example.org", "--role", "viewer") == [
        ("manage.py add_member", "member.invited")
    ]
    assert AuditEntry.objects.filter(team=Team.objects.get()).count() == AuditEntry.objects.count()


def test_what_is_deleted_for_its_age_is_on_record_and_the_audit_stays() -> None:
    old_email()
    assert run("prune", "--emails", "7", "--dry-run") == []
    kept = AuditEntry.objects.count()
    assert run("prune", "--emails", "7") == [("manage.py prune", "retention.pruned")]
    assert AuditEntry.objects.latest("id").after["deleted"]["emails"] == 1  # type: ignore[index]
    assert run("prune", "--emails", "7") == []
    assert AuditEntry.objects.count() == kept + 1


def test_what_the_doctor_repairs_is_on_record() -> None:
    queued(due_at=None)
    with pytest.raises(SystemExit):
        run("doctor")
    assert not AuditEntry.objects.exists()
    with suppress(SystemExit):  # something else on this machine may be wrong, and stays
        run("doctor", "--repair")
    assert [(row.actor_name, row.action) for row in AuditEntry.objects.all()] == [
        ("manage.py doctor", "doctor.repaired")
    ]


def test_operators_and_their_passwords_are_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    made = run("createsuperuser", interactive=False, username="root", email="root@example.org")
    assert made == [("manage.py createsuperuser", "user.created")]
    monkeypatch.setattr(changepassword.Command, "_get_pass", lambda *_: f"{PASSWORD} 2")
    assert run("changepassword", "root") == [("manage.py changepassword", "user.password_changed")]
    assert User.objects.get().check_password(f"{PASSWORD} 2")
    assert PASSWORD not in str(list(AuditEntry.objects.values()))
