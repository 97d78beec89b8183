"""The pages of contacts."""

import pytest
from django.test import Client
from django.urls import reverse

from delivery.models import Contact

pytestmark = pytest.mark.django_db


def test_contacts_with_too_many_names_for_a_file_are_not_exported_and_it_is_said_why(
    admin_client: Client,
) -> None:
    for letter in "nm":
        data = {f"{letter}{number}": "x" for number in range(600)}
        Contact.objects.create(
            email=f"{letter}@example.com", email_key=f"{letter}@example.com", data=data, team=None
        )
    answer = admin_client.get(reverse("admin:delivery_contact_export"), follow=True)
    assert "more than 992 names" in answer.content.decode()
    Contact.objects.filter(email="m@example.com").delete()
    answer = admin_client.get(reverse("admin:delivery_contact_export"))
    assert b"".join(answer).count(b"\n") == 2
