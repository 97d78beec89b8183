"""Nothing of a deleted team is left in any table or folder, and nothing of another team has changed."""

from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import models

from delivery.deletion import job, orders, steps
from delivery.models import AuditEntry, Contact, Team, TeamDeletion
from tests import tables
from tests.delivery.deletion import rows
from tests.delivery.factories import left


@pytest.mark.parametrize("model", rows.owned(), ids=lambda model: model.__name__)
def test_a_table_that_leads_to_a_team_has_a_step(model: type[models.Model]) -> None:
    """A line in delivery/deletion/steps.py, or hangs by CASCADE on a table that has one."""
    covered = {table.model for table in steps.TABLES}
    hangs = {key.related_model for key in rows.keys(model) if key.remote_field.on_delete is models.CASCADE}
    assert model in covered or hangs & covered


@pytest.mark.django_db(transaction=True)
def test_everything_goes_and_nothing_of_another_team(bank: Team, attachment_folder: Path) -> None:
    rows.fill(bank, attachment_folder)
    before, files, noted = tables.snapshot(), left(attachment_folder), list(LogEntry.objects.values())
    shop = Team.objects.create(name="shop")
    rows.fill(shop, attachment_folder)
    assert [name for name, number in rows.of(shop).items() if not number] == []

    done = job.run(orders.give(shop, orders.SHELL))

    assert (done.state, done.waits_for) == ("done", "")
    assert set(rows.of(shop).values()) == {0}
    assert left(attachment_folder) == files
    assert list(LogEntry.objects.values()) == noted
    assert without_what_stays(tables.snapshot()) == without_what_stays(before)
    assert not Team.objects.filter(pk=shop.pk).exists()
    assert done.counts["contacts"] == 1


@pytest.mark.django_db(transaction=True)
def test_the_audit_stays_and_the_deletion_says_whose_it_was(shop: Team, attachment_folder: Path) -> None:
    rows.fill(shop, attachment_folder)
    job.run(orders.give(shop, User.objects.get(username="user-of-shop")))
    proof = TeamDeletion.objects.get(team=shop.pk)
    (entry,) = AuditEntry.objects.filter(team=shop.pk)
    assert (entry.action, entry.before, entry.object_id) == ("team.deleted", {"name": "shop"}, str(shop.pk))
    assert entry.after == proof.found
    assert proof.found["contacts"] == 1
    assert (proof.name, proof.by) == ("shop", "user-of-shop")


@pytest.mark.django_db(transaction=True)
def test_what_comes_while_it_goes_is_found_by_the_next_round(
    shop: Team, attachment_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Contact.objects.create(team=shop, email="a@example.org", email_key="a@example.org")
    ordered = orders.give(shop, orders.SHELL)

    def come(deletion: TeamDeletion) -> None:
        if not Contact.objects.filter(team=shop, email_key="b@example.org").exists():
            Contact.objects.create(team=shop, email="b@example.org", email_key="b@example.org")

    assert job.run(ordered, tell=come).state == "waiting"
    assert job.run(ordered).state == "done"
    assert not Contact.objects.exists()


def without_what_stays(found: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
    """Return all rows but those of people, who stay, and of what outlives its team."""
    gone = {"User", "AuditEntry", "TeamDeletion", "Lineage", "Watermark"}
    return {name: some for name, some in found.items() if name not in gone}
