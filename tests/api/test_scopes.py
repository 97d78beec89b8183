"""Every view says which scope it needs; bodies need one of their own."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.views import APIView

from api import docs, events, health, me, unsubscribe
from api.authentication import KeyHasScope
from delivery.access import keys
from delivery.access.scopes import Scope
from delivery.models import Email
from tests import fakes

# Without a key: the documentation, health, links in mails, posts that vendors sign. With any key: me/.
OPEN = {
    *(docs.Root, docs.Schema, docs.Docs, docs.ErrorCodes, docs.UnknownPath),
    *(health.Live, health.Ready, unsubscribe.Unsubscribe, events.EventsIn),
    me.Me,
}


def views(patterns: list[URLPattern | URLResolver]) -> Iterator[type[APIView]]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from views(each.url_patterns)
        elif issubclass(getattr(each.callback, "cls", object), APIView):
            yield each.callback.cls


@pytest.mark.parametrize("view", sorted(set(views(get_resolver().url_patterns)) - OPEN, key=str))
def test_every_view_declares_a_scope_and_asks_for_it(view: Any) -> None:
    assert list(view.permission_classes) == [KeyHasScope]
    declared = view.scope
    assert isinstance(declared, property) or declared in Scope.values


def test_an_answer_says_which_scope_is_missing(providers: None, db: None) -> None:
    answer = of("emails.read").send()
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert answer.json()["message"] == "This needs an API key with the scope emails.send."


def test_the_scope_is_judged_before_the_object(db: None) -> None:
    missing = "emails/00000000-0000-0000-0000-000000000000/"
    assert [of(scope).get(missing).status_code for scope in ("stats.read", "emails.read")] == [403, 404]


@pytest.mark.parametrize(
    ("scopes", "shown"),
    [
        (["emails.read"], (None, None)),
        (["emails.read", "emails.content"], ("Code 123", "<p>Code 123</p>")),
        (["read"], ("Code 123", "<p>Code 123</p>")),
    ],
)
def test_bodies_are_shown_to_those_who_may_read_them(
    providers: None, db: None, scopes: list[str], shown: Any
) -> None:
    of("emails.send").send(html_body="<p>Code 123</p>", text_body="Code 123", body=None)
    answer = of(*scopes).get(f"emails/{Email.objects.get().pk}/")
    assert (answer.json()["text_body"], answer.json()["html_body"]) == shown
    assert ("Code 123" in answer.content.decode()) == (shown[0] is not None)


def test_whoever_cancels_needs_not_see_the_body(providers: None, db: None) -> None:
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    of("emails.send").send(body="Code 123", send_at=later)
    manager, path = of("emails.manage"), f"emails/{Email.objects.get().pk}/"
    moved = manager.client.patch(
        fakes.V1 + path, {"send_at": later}, content_type="application/json", headers=manager.headers
    )
    for answer in (moved, manager.post(f"{path}cancel/", {})):
        assert (answer.status_code, answer.json()["text_body"]) == (200, None)
        assert "Code 123" not in answer.content.decode()


def of(*scopes: str) -> fakes.Api:
    return fakes.Api(Client(), keys.issue("shop", scopes=scopes)[1])
