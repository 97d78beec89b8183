"""Contacts are deleted, joined and taken back at the same moment: one waits for the other, and nothing breaks."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from delivery.audience import contacts, groups, imports, undo
from delivery.models import Contact, Membership
from tests.delivery.audience import bringing

pytestmark = pytest.mark.django_db(transaction=True)


def joins(group: Any, contact: Contact, then: Callable[[], Any], meanwhile: threading.Event) -> None:
    """Put a contact into a group, and go on with the transaction for as long as somebody may try something else."""
    try:
        with transaction.atomic():
            groups.join(group, contact, by="api")
            meanwhile.set()
            then()
    finally:
        connection.close()


@pytest.mark.parametrize("how", ["deleted", "undone"])
def test_who_joins_a_group_meanwhile_breaks_nothing(tmp_path: Path, how: str) -> None:
    brought = bringing.imported(tmp_path, "email\nann@example.org\n")
    ann, begun, tried = Contact.objects.get(), threading.Event(), threading.Event()
    with transaction.atomic():
        news = groups.create(None, name="News")
    other = threading.Thread(target=joins, args=(news, ann, lambda: tried.wait(0.5), begun))
    other.start()
    begun.wait(10)
    if how == "deleted":
        with transaction.atomic():
            contacts.delete(ann)
    else:
        imports.take_back(brought)
    other.join()
    assert Contact.objects.exists() == (how == "undone")
    assert Membership.objects.exists() == (how == "undone")


def test_what_cannot_be_deleted_ends_the_undoing_with_its_error(tmp_path: Path, monkeypatch: Any) -> None:
    brought = bringing.imported(tmp_path, "email\nann@example.org\n")

    def refuse(_: Any) -> None:
        raise IntegrityError("something unknown points to it")

    monkeypatch.setattr(undo, "_delete_rows", refuse)
    with pytest.raises(IntegrityError):
        imports.take_back(brought)
    assert Contact.objects.exists()
