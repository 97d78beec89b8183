"""What somebody deletes between the moment a request finds it and the moment it changes it: 404, and it stays gone."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from rest_framework import generics

from api import absence
from api.audience import groups
from api.library import signatures, views
from delivery.models import Contact, Group, Mailing, Membership, Signature, Template, TemplateVersion
from tests import fakes
from tests.api.mailings import made

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("links")]
SIGNED = {"name": "S", "html": "x", "match": "from_domain", "match_value": "example.org"}


@pytest.fixture
def ids(api: fakes.Api) -> dict[str, str]:
    contact = made.contact(api, "ann")
    group = made.group(api, contact)
    template = api.post("templates/", {"name": "T", "slug": "order"}).json()["id"]
    api.post("templates/order/versions/", {"subject": "s", "html": "x"})
    return {
        "contact": contact,
        "group": group,
        "mailing": made.mailing(api, group),
        "template": template,
        "signature": str(api.post("signatures/", SIGNED).json()["id"]),
    }


def deleted_when_found(monkeypatch: pytest.MonkeyPatch, whose: Any, name: str, model: Any) -> None:
    really = getattr(whose, name)

    def found(view: Any) -> Any:
        row = really(view)
        if isinstance(row, model):
            rows = model.objects.filter(pk=row.pk)
            Membership.objects.all().delete()
            rows._raw_delete(rows.db)
        return row

    monkeypatch.setattr(whose, name, found)


@pytest.mark.parametrize(
    "asked",
    [
        ("patch", "contacts/{contact}/", {"name": "B"}, Contact),
        ("delete", "contacts/{contact}/", None, Contact),
        ("patch", "groups/{group}/", {"name": "B"}, Group),
        ("delete", "groups/{group}/", None, Group),
        ("patch", "mailings/{mailing}/", {"name": "B"}, Mailing),
        ("post", "mailings/{mailing}/check/", {}, Mailing),
        ("patch", "signatures/{signature}/", {"name": "B"}, Signature),
        ("post", "templates/{template}/versions/", {"html": "y"}, Template),
    ],
)
def test_what_is_deleted_meanwhile_is_not_found(
    api: fakes.Api,
    ids: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    asked: tuple[str, str, Any, Any],
) -> None:
    method, path, body, model = asked
    if model in (Group, Template):  # nothing may point to what is taken away by force
        Mailing.objects.all().delete()
        TemplateVersion.objects.all().delete()
    for whose, name in (
        (generics.GenericAPIView, "get_object"),
        (signatures._OfOwn, "signature"),
        (views._OfOwn, "template"),
    ):
        deleted_when_found(monkeypatch, whose, name, model)
    send = getattr(api.client, method)
    answer = send(fakes.V1 + path.format(**ids), body, "application/json", headers=api.headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not model.objects.exists()


def test_a_membership_that_ends_meanwhile_is_not_found(
    api: fakes.Api, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = groups.OneMember._member

    def ended(view: Any) -> Membership:
        member = really(view)
        Membership.objects.all().delete()
        return member

    monkeypatch.setattr(groups.OneMember, "_member", ended)
    path = f"groups/{ids['group']}/members/{ids['contact']}/"
    assert made.patch(api, path, {"status": "removed"}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_what_points_to_a_row_that_is_deleted_meanwhile_is_told_from_other_faults(api: fakes.Api) -> None:
    contact = Contact.objects.get(pk=made.contact(api, "ann"))
    with pytest.raises(IntegrityError) as pointing, transaction.atomic():
        Membership.objects.create(group_id=contact.pk, contact=contact)
    with pytest.raises(IntegrityError) as other, transaction.atomic():
        Contact.objects.create(team=contact.team, email="x", email_key=contact.email_key)
    assert absence.explains(pointing.value)
    assert not absence.explains(other.value)
