"""After a test that committed the database is as after the migrations."""

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import TransactionTestCase

from delivery.models import AuditEntry
from tests import emptied, fakes

pytestmark = pytest.mark.django_db(transaction=True)


def ended() -> None:
    """Do what happens at the end of each test that commits."""
    TransactionTestCase("__init__")._fixture_teardown()


def test_no_row_is_left_in_any_table_and_kinds_and_permissions_are_the_same(api: fakes.Api) -> None:
    assert api.send().status_code == 200
    anna = User.objects.create_user("anna")
    anna.user_permissions.set(Permission.objects.all()[:2])
    AuditEntry.objects.create(action="login")
    lasting = emptied._lasting()

    ended()

    assert emptied._tables_with_rows() == []
    assert emptied._lasting() == lasting


def test_kinds_and_permissions_that_a_test_took_away_are_there_again() -> None:
    there = ContentType.objects.count(), Permission.objects.count()
    ContentType.objects.all().delete()
    Permission.objects.all().delete()

    ended()

    assert (ContentType.objects.count(), Permission.objects.count()) == there
