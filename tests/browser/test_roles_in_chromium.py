"""What each role sees in the admin and may do there, as a real browser shows it: the table of docs/roles.md."""

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from delivery.access import keys, members
from delivery.access.scopes import OF_ROLE, Role, Scope
from delivery.models import (
    Attachment,
    Attempt,
    Contact,
    Email,
    Group,
    Mailing,
    Member,
    Membership,
    ProviderEvent,
    Recipient,
    Suppression,
    Team,
)
from tests.browser.watching import keep
from tests.delivery.webhooks.endpoints import endpoint
from tests.paths import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGE = ROOT / "docs" / "roles.md"
COLUMNS = ("viewer", "support", "developer", "admin", "operator")
LISTS = ("contacts", "imports", "mailings", "templates", "signatures", "erasures")
YES, NO = "yes", "–"
DELIVERY = "/admin/delivery/"


@pytest.fixture
def team(settings: Any) -> Team:
    settings.GOMAIL_PROVIDERS = ("sandbox",)
    return Team.objects.create(name="shop")


@pytest.fixture
def pages(team: Team) -> dict[str, str]:
    """Return a page of each kind, each with something on it."""
    email = Email.objects.create(
        team=team,
        from_address="shop@example.org",
        subject="Your sign-in code",
        text_body="The code is 731902",
        html_body="<p>The code is <b>731902</b></p>",
        status="failed",
        reason="Nobody took it.",
    )
    doubt = Email.objects.create(
        team=team, from_address="shop@example.org", subject="In doubt", status="unknown", provider="ses"
    )
    Attempt.objects.create(email=doubt, provider="ses", outcome="unknown", epoch=1)
    for one in (email, doubt):
        Recipient.objects.create(email=one, kind="to", address="ann@example.org", canonical="ann@example.org")
    Attachment.objects.create(
        email=email, filename="invoice.txt", content_type="text/plain", size=3, sha256="0" * 64
    )
    now = timezone.now()
    event = ProviderEvent.objects.create(
        account="ses",
        key="0" * 64,
        kind="clicked",
        email=email,
        at=now,
        raw={"link": "https://x.example/?t=1"},
    )
    Suppression.objects.create(
        team=team,
        address="eve@example.org",
        kind="manual",
        scope="all",
        source="api",
        first_seen=now,
        last_seen=now,
    )
    group = Group.objects.create(team=team, name="News")
    mailing = Mailing.objects.create(team=team, group=group, name="June")
    ann = Contact.objects.create(team=team, email="ann@example.org", email_key="ann@example.org")
    gone = Membership.objects.create(group=group, contact=ann, status="unsubscribed")
    hook = endpoint(team=team, url="https://hooks.example.org/in")
    members.invite(team, "bob@example.org", "viewer", None)
    return {
        "emails": f"{DELIVERY}email/",
        "email": f"{DELIVERY}email/{email.pk}/change/",
        "doubt": f"{DELIVERY}email/{doubt.pk}/change/",
        "event": f"{DELIVERY}providerevent/{event.pk}/change/",
        "providers": f"{DELIVERY}circuit/",
        "suppressions": f"{DELIVERY}suppression/",
        "webhook": f"{DELIVERY}webhookendpoint/{hook.pk}/change/",
        **{name: f"{DELIVERY}{name[:-1]}/" for name in LISTS},
        "mailing": f"{DELIVERY}mailing/{mailing.pk}/change/",
        "unsubscribed": f"{DELIVERY}membership/{gone.pk}/change/",
        "keys": f"{DELIVERY}apikey/",
        "members": f"{DELIVERY}member/",
        "invitations": f"{DELIVERY}invitation/",
        "team": f"{DELIVERY}team/{team.pk}/change/",
        "deleted": f"{DELIVERY}teamdeletion/",
        "audit": f"{DELIVERY}auditentry/",
        "users": "/admin/auth/user/",
    }


# What is to be seen, on which page, and what shows it: a selector, or html: of a menu that is not open.
ROWS = (
    ("the log of emails", "emails", "a[href*='/change/']"),
    ("an email's recipients, attempts and timeline", "email", "table.gm-timeline"),
    ("its bodies", "email", "iframe.gm-preview, pre.gm-text"),
    ("its files and the raw message", "email", "a[href*='/files/']"),
    ("send it again, cancel it", "email", "a[href='../resend/']"),
    ("settle what may have been sent", "doubt", "a[href='../was-sent/']"),
    ("what vendors told", "event", "#providerevent_form"),
    ("the same as it came, with links that were clicked", "event", "pre.gm-text"),
    ("the providers' state", "providers", "article.gm-provider"),
    ("ask the providers now", "providers", "form[action$='/check/']"),
    ("take a provider out, for all teams", "providers", "form[action$='/take-out/']"),
    ("who is suppressed, and the list as CSV", "suppressions", "a[href$='/export/']"),
    ("suppress an address", "suppressions", "a[href*='/add/']"),
    ("let an address go", "suppressions", "html:/let-go/"),
    ("webhooks, messages and calls", "webhook", "dl.gm-facts"),
    ("change and test webhooks, make a new secret", "webhook", "form[action*='rotate']"),
    ("contacts, groups and imports", "contacts", "a[href='/admin/delivery/contact/']"),
    ("bring contacts in by a file", "imports", "a[href*='/import/add/']"),
    ("mailings, and who got what", "mailings", "a[href='/admin/delivery/mailing/']"),
    ("an email of a mailing as a contact gets it", "mailing", "a[href$='/try/']"),
    ("make, check, test, start and stop mailings", "mailing", "form[action$='/check/']"),
    ("subscribe again who has unsubscribed", "unsubscribed", "a[href$='/resubscribe/']"),
    ("templates", "templates", "a[href='/admin/delivery/template/']"),
    ("write and publish templates", "templates", "a[href*='/template/add/']"),
    ("signatures", "signatures", "a[href='/admin/delivery/signature/']"),
    ("write signatures", "signatures", "a[href*='/signature/add/']"),
    ("forget a person", "erasures", "a[href='/admin/delivery/erasure/']"),
    ("API keys that the person has made", "keys", "text=made_by_self"),
    ("API keys of the whole team", "keys", "text=made_by_another"),
    ("make, pause, limit and revoke such keys", "keys", "a[href*='/apikey/add/']"),
    ("the members and their roles", "members", "a[href*='/change/']"),
    ("give another role, remove", "members", "html:/role/"),
    ("invite", "invitations", "a[href*='/add/']"),
    ("the team's page", "team", "#team_form"),
    ("rename, pause and limit the team", "team", "[name=_save]"),
    ("delete the team", "team", "html:/delete-team"),
    ("teams that were deleted, and how far it is", "deleted", "a[href='/admin/delivery/teamdeletion/']"),
    ("who changed what in the team", "audit", "a[href*='/change/']"),
    ("the users of all teams", "users", "a[href*='/auth/user/add/']"),
)


def person(team: Team, role: str) -> Client:
    operator = role == "operator"
    user = User.objects.create_user(role, f"{role}@example.org", is_staff=True, is_superuser=operator)
    if not operator:
        Member.objects.create(team=team, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def opened(chromium: Any, live_server: Any) -> Iterator[Any]:
    """Return what gives somebody a page of the browser."""
    contexts = []

    def open_for(client: Client) -> Any:
        context = chromium.new_context(viewport={"width": 1400, "height": 900}, device_scale_factor=1)
        contexts.append(context)
        session = {
            "name": "sessionid",
            "value": client.cookies["sessionid"].value,
            "url": live_server.url,
        }
        context.add_cookies([session])
        if (
            "GOMAIL_SCREENSHOTS" not in os.environ
        ):  # what is looked for is there without them, and much sooner
            context.route("**/static/**", lambda route: route.abort())
        return context.new_page()

    yield open_for
    for context in contexts:
        context.close()


def seen(page: Any, base: str, pages: dict[str, str], shown: dict[str, str], role: str) -> dict[str, str]:
    """Return yes or – for each row, as the page shows it to this person."""
    found: dict[str, str] = {}
    for name, path in pages.items():
        status = page.goto(base + path, wait_until="domcontentloaded").status
        assert status in (200, 403), (role, name, status)
        if name in ("email", "providers", "keys"):
            keep(page, f"roles-{role}-{name}.png", full_page=True)
        for what, of, selector in ROWS:
            if of == name:
                found[what] = YES if is_there(page, shown.get(selector, selector)) else NO
    return found


def is_there(page: Any, selector: str) -> bool:
    if selector.startswith("html:"):
        return selector.removeprefix("html:") in page.content()
    return bool(page.locator(selector).count())


def table(columns: dict[str, dict[str, str]]) -> list[str]:
    """Return the lines of the table."""
    head = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    return head + [
        f"| {what} | {' | '.join(column[what] for column in columns.values())} |" for what, _, _ in ROWS
    ]


@pytest.mark.slow
def test_the_table_of_the_docs_is_what_the_browser_shows(
    opened: Any, live_server: Any, team: Team, pages: dict[str, str]
) -> None:
    other, _ = keys.issue("shop", scopes=["emails.send"])
    columns = {}
    for role in COLUMNS:
        client = person(team, role)
        own, _ = keys.issue("shop", scopes=["emails.send"], made_by=User.objects.get(username=role))
        shown = {
            "text=made_by_self": f"text=gm_live_{own.public_id}",
            "text=made_by_another": f"text=gm_live_{other.public_id}",
        }
        page = opened(client)
        columns[role] = seen(page, live_server.url, pages, shown, role)
        page.goto(f"{live_server.url}/admin/", wait_until="domcontentloaded")
        keep(page, f"roles-{role}-first.png", full_page=True)
    expected = table(columns)
    if os.environ.get("GOMAIL_WRITE_DOCS"):
        between(PAGE.read_text(), "admin", expected)
    assert part("admin") == expected


def test_the_table_of_scopes_is_that_of_the_code() -> None:
    roles = (Role.VIEWER, Role.SUPPORT, Role.DEVELOPER, Role.ADMIN, Role.OWNER)
    head = [f"| scope | lets | {' | '.join(roles)} |", "|---" * (len(roles) + 2) + "|"]
    rows = [
        f"| `{scope}` | {scope.label} | {' | '.join(YES if scope in OF_ROLE[role] else NO for role in roles)} |"
        for scope in Scope
    ]
    if os.environ.get("GOMAIL_WRITE_DOCS"):
        between(PAGE.read_text(), "scopes", head + rows)
    assert part("scopes") == head + rows


def part(name: str) -> list[str]:
    found = re.search(f"<!-- {name} -->\n(.*?)\n<!-- end -->", PAGE.read_text(), re.DOTALL)
    return found[1].splitlines() if found else []


def between(text: str, name: str, lines: list[str]) -> None:
    new = "\n".join([f"<!-- {name} -->", *lines, "<!-- end -->"])
    PAGE.write_text(re.sub(f"<!-- {name} -->\n.*?<!-- end -->", lambda _: new, text, flags=re.DOTALL))
