"""The admin's pages of emails, as a person with some permissions reads them."""

import re
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client

from delivery.models import Email

LIST = "/admin/delivery/email/"


def reader(*permissions: str) -> Client:
    """Somebody who may do only this."""
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def page(email: Email) -> str:
    return f"{LIST}{email.pk}/change/"


def text(answer: Any) -> str:
    """Return what a person reads, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))
