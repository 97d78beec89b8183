"""Who acts in a request, and in a command."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from api.me import Me
from delivery.access import actor, holders
from delivery.access.actor import Actor
from delivery.admin.access import TeamAdmin
from delivery.models import Team
from tests import fakes


class Seen:
    """Keeps who acts, each time that something is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, target: Any, name: str) -> None:
        self.actors: list[Actor] = []
        real = getattr(target, name)

        def asked(*args: Any, **kwargs: Any) -> Any:
            self.actors.append(actor.current())
            return real(*args, **kwargs)

        monkeypatch.setattr(target, name, asked)


def test_who_acts_over_the_api_is_the_key(
    api: fakes.Api, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.GOMAIL_TRUSTED_PROXIES = ("127.0.0.1",)
    seen = Seen(monkeypatch, Me, "get")
    api.client.get(
        "/api/v1/email-service/me/",
        headers={
            "Authorization": f"Bearer {api.token}",
            "X-Request-ID": "mine-1",
            "X-Forwarded-For": "6.6.6.6, 192.0.2.9",
        },
    )
    (who,) = seen.actors
    assert (who.kind, who.id) == ("key", api.token.split("_")[2])
    assert (who.address, who.request_id) == ("192.0.2.9", "mine-1")
    assert api.token not in repr(who)
    assert actor.current() is actor.SYSTEM


def test_who_acts_in_the_admin_is_the_person(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch, TeamAdmin, "get_queryset")
    admin_client.get("/admin/delivery/team/", headers={"X-Request-ID": "mine-2"})
    (who,) = set(seen.actors)
    assert (who.kind, who.name, who.address, who.request_id) == ("member", "admin", "127.0.0.1", "mine-2")


def test_who_acts_in_a_command_is_the_command(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch, holders, "set_limits")
    Team.objects.create(name="shop")
    call_command("set_limits", "shop", "--daily", "5", verbosity=0)
    (who,) = seen.actors
    assert (who.kind, who.id, who.name) == ("system", "set_limits", "manage.py set_limits")
