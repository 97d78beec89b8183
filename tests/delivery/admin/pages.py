"""The admin's pages of emails, as a person with some role reads them."""

import re
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from delivery.models import Email, Member, Suppression, Team, WebhookEndpoint

LIST = "/admin/delivery/email/"


def reader(role: str = "") -> Client:
    """Somebody with this role in the team to which everything belongs that is nobody's; without one, in no team."""
    user = User.objects.create_user("reader", is_staff=True)
    if role:
        team, _ = Team.objects.get_or_create(name="shop")
        Member.objects.create(team=team, user=user, role=role)
        for model in (Email, Suppression, WebhookEndpoint):
            model.objects.filter(team=None).update(team=team)
    client = Client()
    client.force_login(user)
    return client


def page(email: Email) -> str:
    return f"{LIST}{email.pk}/change/"


def text(answer: Any) -> str:
    """Return what a person reads, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))
