"""Names that people type are one line: none can forge a line of the log."""

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from delivery.models import ApiKey, Group, Team

pytestmark = pytest.mark.django_db

LINE_ENDS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1b[2K", "\x85", "\u2028", "\u2029", "\x00"]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_a_team_has_no_name_of_two_lines(admin_client: Client, end: str) -> None:
    team, forged = Team.objects.create(name="shop"), f"shop{end}2026-11-28 CRITICAL root lost"
    pages = {
        reverse("admin:delivery_team_add"): {"name": forged},
        reverse("admin:delivery_team_change", args=[team.pk]): {"name": forged},
        reverse("admin:delivery_apikey_add"): {"team_name": forged, "granted": "send", "senders": ""},
    }
    for path, fields in pages.items():
        answer = admin_client.post(path, fields)
        assert answer.status_code == 200  # the form again, with what is wrong
        assert "control character" in answer.content.decode() or "Null characters" in answer.content.decode()
    with pytest.raises(CommandError, match="control character"):
        call_command("create_api_key", forged)

    assert ([row.name for row in Team.objects.all()], ApiKey.objects.count()) == (["shop"], 0)


def test_a_team_is_named_and_renamed(admin_client: Client) -> None:
    admin_client.post(reverse("admin:delivery_team_add"), {"name": " Zürich ≥ 😀 "})
    team = Team.objects.get(name="Zürich ≥ 😀")
    admin_client.post(reverse("admin:delivery_team_change", args=[team.pk]), {"name": "shop"})

    assert [row.name for row in Team.objects.all()] == ["shop"]


def test_a_groups_name_turns_no_direction_of_writing(admin_client: Client) -> None:
    team = Team.objects.create(name="shop")
    page = reverse("admin:delivery_group_add")
    admin_client.post(page, {"team": team.pk, "name": "Shop\u202egpj\u2066"})
    empty = admin_client.post(page, {"team": team.pk, "name": "\u202e\u200b"})

    assert ([row.name for row in Group.objects.all()], empty.status_code) == (["Shopgpj"], 200)
