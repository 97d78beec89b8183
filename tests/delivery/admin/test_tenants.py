"""In the admin, too, what is another team's is as if it were not there; and no page tells of it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from delivery.access import keys, members
from delivery.admin import permissions
from delivery.db import ids
from delivery.models import (
    Attachment,
    AuditEntry,
    Contact,
    Email,
    Erasure,
    Group,
    Import,
    Incident,
    Limits,
    Mailing,
    Member,
    Membership,
    ProviderEvent,
    Recipient,
    Signature,
    Suppression,
    Team,
    Template,
    TemplateVersion,
    WebhookCall,
)
from tests.delivery.admin.pages import text
from tests.delivery.webhooks.endpoints import endpoint, message

CANARY = "canary7z"
NOBODY, NUMBER = "00000000-0000-7000-8000-000000000000", "999999999"
CHANGING = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|nonce="[^"]+"|X-CSRFToken&quot;: &quot;\w+')


@pytest.fixture
def theirs(db: None) -> Mapping[str, Model]:
    """Return a row of another team for each page of the admin, by the model's name."""
    other = Team.objects.create(name=f"{CANARY}-team")
    email = Email.objects.create(
        team=other,
        from_address=f"{CANARY}@rival.example",
        subject=CANARY,
        text_body=CANARY,
        html_body=f"<p>{CANARY}</p>",
        status="failed",
        reason=CANARY,
    )
    to = f"{CANARY}@example.net"
    Recipient.objects.create(email=email, kind="to", address=to, canonical=to)
    Attachment.objects.create(
        email=email, filename=CANARY, content_type="text/plain", size=1, sha256="0" * 64
    )
    now = timezone.now()
    hook = endpoint(team=other, url=f"https://{CANARY}.example.org/", failing_since=now)
    told = message(hook, outcome="failed", due_at=None)
    key, _ = keys.issue(other.name, scopes=["emails.read"])
    Limits.objects.create(team=other, daily=1)
    person = User.objects.create_user(CANARY, f"{CANARY}@example.com")
    event = {"account": "ses", "kind": "delivered", "name": CANARY, "recipient": to, "at": now, "raw": {}}
    rows = [
        *(other, email, hook, told, key, person),
        WebhookCall.objects.create(endpoint=hook, message=told, status=500, answer=CANARY, ms=1),
        Suppression.objects.create(
            team=other, address=to, kind="manual", scope="all", source="api", first_seen=now, last_seen=now
        ),
        ProviderEvent.objects.create(email=email, key="0" * 64, **event),
        Member.objects.create(team=other, user=person, role="viewer"),
        AuditEntry.objects.create(team=other, actor_kind="system", action="team.paused", object_id=CANARY),
        Erasure.objects.create(team=other, digest=CANARY),
        Incident.objects.create(
            kind="webhook", subject=str(hook.pk), said=f"An endpoint of {CANARY} is off."
        ),
        *audience(other),
        *library(other),
        members.invite(other, f"x{CANARY}@example.com", "viewer", None)[0],
    ]
    return {row._meta.label_lower: row for row in rows}


def audience(other: Team) -> list[Model]:
    contact = Contact.objects.create(
        team=other, email=f"{CANARY}@example.com", email_key=f"{CANARY}@example.com"
    )
    group = Group.objects.create(team=other, name=CANARY)
    member = Membership.objects.create(group=group, contact=contact)
    mailing = Mailing.objects.create(team=other, group=group, name=CANARY, subject=CANARY, html=CANARY)
    return [mailing, contact, group, member, Import.objects.create(team=other, group=group, filename=CANARY)]


def library(other: Team) -> list[Model]:
    template = Template.objects.create(team=other, name=CANARY, slug=CANARY)
    TemplateVersion.objects.create(template=template, number=1, subject=CANARY)
    given = {"name": CANARY, "text": CANARY, "match": "from_domain", "match_value": f"{CANARY}.example"}
    return [template, Signature.objects.create(team=other, **given)]


@pytest.fixture
def anna(db: None) -> Client:
    """Return the owner of a team of her own."""
    user = User.objects.create_user("anna", "anna@example.org", is_staff=True)
    Member.objects.create(team=Team.objects.create(name="shop"), user=user, role="owner")
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def of_rows() -> Iterator[tuple[str, str]]:
    """Return the model and the path of each page about one row."""
    (site,) = (each for each in get_resolver().url_patterns if getattr(each, "app_name", "") == "admin")
    for each in site.url_patterns:
        if isinstance(each, URLResolver):
            app, model, *_ = str(each.pattern).split("/")
            for page in each.url_patterns:
                if "<" in str(page.pattern):
                    yield f"{app}.{model}", f"/admin/{app}/{model}/{page.pattern}"


def operators_alone(model: str) -> bool:
    return admin.site.get_model_admin(apps.get_model(model)).read_scope == permissions.OPERATOR


def filled(path: str, pk: str) -> str:
    """Return the path for a row; of its parts the other team's file, and a version's number."""
    file = str(Attachment.objects.get().pk)
    named = path.replace("<int:file>", file).replace("<int:number>", "1")
    return re.sub("<[^>]*>", "1", re.sub("<[^>]*>", pk, named, count=1))


def said(client: Client, method: str, path: str, pk: str) -> tuple[int, str, str]:
    client.cookies.pop("messages", None)  # what the page before had to say
    answer = getattr(client, method)(filled(path, pk))
    content = CHANGING.sub("", answer.content.decode()).replace(f"/{pk}/", "/ID/")
    return answer.status_code, answer.headers.get("Location", "").replace(f"/{pk}/", "/ID/"), content


@pytest.mark.parametrize("method", ["get", "post"])
def test_another_teams_rows_are_as_missing_ones(
    anna: Client, theirs: Mapping[str, Model], method: str
) -> None:
    tried = 0
    for model, path in of_rows():
        if model not in theirs and operators_alone(model):
            continue
        pk = str(theirs[model].pk)
        missing = NOBODY if isinstance(theirs[model].pk, ids.UUID) else NUMBER
        there, nowhere = (said(anna, method, path, each) for each in (pk, missing))
        assert there == nowhere, f"{method} {path}"
        assert there[0] in (302, 403, 404, 405), f"{method} {path}"
        assert CANARY not in there[2], path
        tried += 1
    assert tried >= 40


def test_no_page_tells_of_another_team(anna: Client, theirs: Mapping[str, Model], settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("sandbox",)
    lists = [f"/admin/{each.opts.label_lower.replace('.', '/')}/" for each in admin.site._registry.values()]
    seen = 0
    for path in (
        "/admin/",
        *lists,
        *(f"{path}add/" for path in lists),
        *(f"{path}?q={CANARY[:-1]}" for path in lists),
    ):
        answer = anna.get(path)
        assert answer.status_code in (200, 403, 404), path
        assert CANARY not in answer.content.decode(), path
        seen += answer.status_code == 200
    assert seen >= 15
    export = b"".join(anna.get("/admin/delivery/suppression/export"))  # type: ignore[call-overload]
    assert CANARY.encode() not in export


def test_the_first_page_counts_the_own_teams_mail_alone(anna: Client, theirs: Mapping[str, Model]) -> None:
    assert "Nothing failed, expired or was left unknown." in text(anna.get("/admin/"))
    own = Team.objects.get(name="shop")
    Email.objects.create(team=own, from_address="a@example.org", subject="Mine", status="failed")
    shown = text(anna.get("/admin/"))
    assert "Failed 1 last 24 hours" in shown
    assert "Mine" in shown
