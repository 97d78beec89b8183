"""Everybody can use every page of the admin: axe finds nothing serious, wide and narrow, by day and by night."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone

from delivery.access import keys, members
from delivery.models import (
    AuditEntry,
    Contact,
    Email,
    Erasure,
    Group,
    Import,
    Incident,
    Mailing,
    Member,
    Membership,
    ProviderEvent,
    Signature,
    Suppression,
    Team,
    TeamDeletion,
    Template,
    TemplateVersion,
    WebhookCall,
)
from tests.browser import letters
from tests.browser.accessible import faults, faults_of_sight
from tests.browser.watching import Watched, fits, keep
from tests.delivery.webhooks.endpoints import endpoint, message

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Sight = tuple[int, str, Callable[[Any], list[str]]]
OPPOSITES: list[Sight] = [(1440, "light", faults), (390, "dark", faults)]
# The rules about the page's structure have seen it twice by then, once in each width and once in each scheme.
SIGHTS = [*OPPOSITES, (1440, "dark", faults_of_sight), (390, "light", faults_of_sight)]
AT_ONCE = "*, ::before, ::after { transition: none !important; animation: none !important }"


@pytest.fixture(autouse=True)
def _providers(settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("ses=sandbox", "sendgrid=sandbox")
    cache.clear()


def test_the_first_page_the_log_and_an_email_can_be_used_by_everybody(watched: Watched) -> None:
    email = letters.write(30)
    used(
        watched, ["/admin/", "/admin/delivery/email/", f"/admin/delivery/email/{email.pk}/change/"], OPPOSITES
    )


@pytest.mark.slow
def test_every_page_can_be_used_by_everybody(watched: Watched) -> None:
    used(watched, pages(), SIGHTS)


def used(watched: Watched, paths: Iterable[str], sights: list[Sight]) -> None:
    """Look at each page in each of these ways; all of them can be used, and each has a name of its own."""
    wrong: list[str] = []
    watched.page.on("console", lambda said: said.type == "error" and wrong.append(f"console: {said.text}"))
    watched.page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    titles: dict[str, str] = {}
    for path in paths:
        watched.open(path)
        watched.page.wait_for_selector("html:not([x-cloak])", state="attached")
        watched.page.add_style_tag(content=AT_ONCE)
        titles[path] = watched.page.title()
        for width, scheme, judge in sights:
            found = seen(watched, path, width, scheme, judge)
            wrong += [f"{path} {width} {scheme}: {each}" for each in found]
    assert not wrong, "\n".join(dict.fromkeys(wrong))
    unnamed = [path for path, title in titles.items() if not title.partition("|")[0].strip()]
    assert unnamed == []


def seen(
    watched: Watched, path: str, width: int, scheme: str, judge: Callable[[Any], list[str]]
) -> list[str]:
    page = watched.page
    # So high that the bar at the bottom covers nothing of what is judged.
    page.set_viewport_size({"width": width, "height": 2400})
    dark = "true" if scheme == "dark" else "false"
    page.evaluate(f"document.documentElement.classList.toggle('dark', {dark})")
    name = path.strip("/").replace("/", "-").replace("?", "-")[:60]
    keep(page, f"every-{name}-{width}-{scheme}.png", full_page=True)
    return [*judge(page), *([] if fits(page) else ["it scrolls sideways"])]


def pages() -> list[str]:
    """Return each list, each form, a page about one row of each table, and what orders ask."""
    email, rows = letters.write(30), made()
    registered = admin.site._registry.values()
    lists = [f"/admin/{each.opts.label_lower.replace('.', '/')}/" for each in registered]
    adding = [f"{path}add/" for path, each in zip(lists, registered, strict=True) if addable(each)]
    waits = Email.objects.filter(status="queued").latest("pk")
    failed = Email.objects.filter(status="failed").latest("pk")
    of_email = ("change", "resend-to", "suppress", "source")
    one = f"/admin/delivery/email/{email.pk}/"
    return [
        *("/admin/", "/admin/?span=7d", *lists, *adding),
        *(f"{one}{word}/" for word in of_email),
        f"/admin/delivery/email/{waits.pk}/cancel/",
        f"/admin/delivery/email/{failed.pk}/change/",
        "/admin/delivery/email/send-test/",
        "/admin/delivery/circuit/sender-domains/",
        "/admin/delivery/circuit/sender-domains/one/?domain=example.org",
        "/admin/delivery/email/all/resend/?status__exact=failed",
        "/admin/delivery/email/all/cancel/?status__exact=queued",
        *(f"/admin/{row._meta.label_lower.replace('.', '/')}/{row.pk}/change/" for row in rows),
    ]


def addable(page: Any) -> bool:
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    return bool(page.has_add_permission(request))


def made() -> list[Any]:
    """Write a row of each table that has a page."""
    team, now = Team.objects.earliest("pk"), timezone.now()
    user = User.objects.create_user("colleague", "colleague@example.org", is_staff=True)
    hook = endpoint(team=team)
    told = message(hook, outcome="failed", due_at=None)
    contact = Contact.objects.create(team=team, email="ann@example.org", email_key="ann@example.org")
    group = Group.objects.create(team=team, name="News")
    template = Template.objects.create(team=team, name="Welcome", slug="welcome")
    TemplateVersion.objects.create(template=template, number=1, subject="Hi")
    event = {"account": "ses", "kind": "delivered", "recipient": "ann@example.org", "at": now}
    seen_at = {"first_seen": now, "last_seen": now}
    return [
        *(team, user, hook, told, contact, group, template),
        keys.issue(team, scopes=["emails.send"], name="Shop")[0],
        Member.objects.create(team=team, user=user, role="support"),
        members.invite(team, "eve@example.org", "viewer", None)[0],
        WebhookCall.objects.create(endpoint=hook, message=told, status=500, answer="no", ms=7),
        Suppression.objects.create(
            team=team, address="bob@example.org", kind="manual", scope="all", source="admin", **seen_at
        ),
        ProviderEvent.objects.create(email=Email.objects.latest("pk"), key="0" * 64, raw={}, **event),
        AuditEntry.objects.create(team=team, actor_kind="system", action="team.paused", object_id="1"),
        Erasure.objects.create(team=team, digest="0" * 64),
        Incident.objects.create(kind="account", subject="ses", said="It cannot send."),
        Membership.objects.create(group=group, contact=contact),
        Mailing.objects.create(team=team, group=group, name="June", subject="Hi", html="<p>Hi</p>"),
        Import.objects.create(team=team, group=group, filename="people.csv"),
        Signature.objects.create(
            team=team, name="Shop", text="Your shop", match="from_domain", match_value="example.org"
        ),
        TeamDeletion.objects.create(team_id=999, name="gone", at=now, finished_at=now),
    ]
