"""Whatever is another team's answers as if it were not there, byte for byte; and no list tells of it."""

import re
from collections.abc import Callable, Iterator, Mapping

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from delivery.access import keys, members
from delivery.access.scopes import Scope
from delivery.models import (
    Contact,
    Email,
    Erasure,
    Group,
    Import,
    Mailing,
    MailingRecipient,
    Member,
    Membership,
    Recipient,
    Signature,
    Suppression,
    Team,
    Template,
    TemplateVersion,
    WebhookCall,
)
from tests import fakes
from tests.api.document import documented
from tests.delivery.webhooks.endpoints import endpoint, message

CANARY = "canary7z"
NOBODY = "00000000-0000-7000-8000-000000000000"
NUMBER = "999999999"
KINDS = Template.Kind.values
ASKS_FOR_MORE = {f"/{fakes.V1.strip('/')}/people/"}  # lists nothing unless asked for somebody
Ids = Mapping[str, tuple[str, str]]  # of a team's row, and one that nothing has; by the path before it


@pytest.fixture
def theirs(providers: None, db: None) -> Ids:
    """Return the ids of what another team has; new resources belong here."""
    other = Team.objects.create(name=f"{CANARY}-team")
    email = Email.objects.create(
        team=other, from_address=f"{CANARY}@rival.example", subject=CANARY, text_body=CANARY, status="sent"
    )
    to = f"{CANARY}@example.net"
    Recipient.objects.create(email=email, kind="to", address=to, canonical=to)
    now = timezone.now()
    entry = Suppression.objects.create(
        team=other, address=to, kind="manual", scope="all", source="api", first_seen=now, last_seen=now
    )
    hook = endpoint(team=other, url=f"https://{CANARY}.example.org/")
    told = message(hook, outcome="failed", due_at=None)
    call = WebhookCall.objects.create(endpoint=hook, message=told, status=500, answer=CANARY, ms=1)
    user = User.objects.create_user(CANARY, f"{CANARY}@example.com")
    member = Member.objects.create(team=other, user=user, role="viewer")
    library = {
        kind: Template.objects.create(team=other, kind=kind, name=CANARY, slug=CANARY) for kind in KINDS
    }
    for one in library.values():
        TemplateVersion.objects.create(template=one, number=1, subject=CANARY)
    signature = Signature.objects.create(
        team=other, name=CANARY, text=CANARY, match="from_domain", match_value="rival.example"
    )
    key, _ = keys.issue(other.name, scopes=["emails.read"])
    invitation, _ = members.invite(other, f"x{CANARY}@example.com", "viewer", None)
    return {
        "emails": (str(email.pk), NOBODY),
        "webhooks": (str(hook.pk), NOBODY),
        "calls": (str(call.pk), NOBODY),
        "suppressions": (str(entry.pk), NOBODY),
        "members": (str(member.pk), NUMBER),
        "erasures": (str(Erasure.objects.create(team=other, digest="x").pk), NOBODY),
        **audience(other),
        "keys": (key.public_id, "zzzzzzzz"),
        **{f"{kind}s": (str(one.pk), NOBODY) for kind, one in library.items()},
        "versions": ("1", "1"),
        "signatures": (str(signature.pk), NOBODY),
        "invitations": (str(invitation.pk), NUMBER),
    }


def audience(other: Team) -> dict[str, tuple[str, str]]:
    contact = Contact.objects.create(
        team=other, email=f"{CANARY}@example.com", email_key=f"{CANARY}@example.com"
    )
    group = Group.objects.create(team=other, name=CANARY)
    Membership.objects.create(group=group, contact=contact)
    imported = Import.objects.create(team=other, group=group, filename=CANARY)
    mailing = Mailing.objects.create(team=other, name=CANARY, group=group, subject=CANARY, state="sending")
    MailingRecipient.objects.create(mailing=mailing, contact=contact, address=contact.email)
    Email.objects.update(mailing=mailing)
    rows = {"contacts": contact, "groups": group, "imports": imported, "mailings": mailing}
    return {name: (str(row.pk), NOBODY) for name, row in rows.items()}


@pytest.fixture
def api(providers: None, db: None) -> fakes.Api:
    return fakes.Api(Client(raise_request_exception=False), keys.issue("shop", scopes=Scope.values)[1])


def operations() -> Iterator[tuple[str, str]]:
    for path, method, operation in documented():
        if "x-scope" in operation:
            yield method, path


def filled(path: str, choose: Callable[[str], str]) -> str:
    """Return the path with an id for each `{…}`, chosen by the word before it."""
    parts = path.split("/")
    return "/".join(
        choose(parts[i - 1]) if part.startswith("{") else part for i, part in enumerate(parts) if i
    )


def ask(api: fakes.Api, method: str, path: str) -> tuple[int, bytes]:
    given = {} if method == "get" else {"data": b"{}", "content_type": "application/json"}
    answer = getattr(api.client, method)(f"/{path}", headers=api.headers, **given)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return answer.status_code, content


def test_another_teams_ids_are_as_missing_ones(api: fakes.Api, theirs: Ids) -> None:
    tried = 0
    for method, path in operations():
        if "{" not in path:
            continue
        there, nowhere = (filled(path, lambda word, n=n: theirs[word][n]) for n in (0, 1))
        found, missing = ask(api, method, there), ask(api, method, nowhere)
        assert found == missing, f"{method} {path}"
        assert found[0] in (400, 404), f"{method} {path}"
        tried += 1
    assert tried >= 15


def test_one_id_of_ones_own_and_one_of_another_team_are_not_mixed(api: fakes.Api, theirs: Ids) -> None:
    own = endpoint(team=Team.objects.get(name="shop"))
    paths = (
        f"webhooks/{own.pk}/calls/{theirs['calls'][0]}/replay/",
        f"webhooks/{own.pk}/calls/{NOBODY}/replay/",
    )
    there, nowhere = (api.post(path, {}) for path in paths)
    assert (there.status_code, there.content) == (404, nowhere.content)


def test_an_address_that_another_team_suppresses_is_as_one_that_nobody_does(
    api: fakes.Api, theirs: Ids
) -> None:
    there, nowhere = (
        api.get(f"suppressions/{who}/") for who in (f"{CANARY}@example.net", "nobody@example.net")
    )
    assert (there.status_code, there.content) == (404, nowhere.content)


def test_no_list_search_or_export_tells_of_another_team(api: fakes.Api, theirs: Ids) -> None:
    everything = "|".join(re.escape(pk) for pk, _ in theirs.values() if len(pk) > 9)
    tried = 0
    for method, path in operations():
        if method != "get" or "{" in path:
            continue
        status, content = ask(api, method, path.removeprefix("/"))
        assert status == 200 or path in ASKS_FOR_MORE, path
        assert not re.search(f"{CANARY}|{everything}", content.decode()), path
        tried += 1
    assert tried >= 5


def test_of_a_person_whom_only_another_team_knows_nothing_is_kept_here(api: fakes.Api, theirs: Ids) -> None:
    everything = "|".join(re.escape(pk) for pk, _ in theirs.values() if len(pk) > 9)
    told = b"".join(api.get("people/", address=f"{CANARY}@example.net").streaming_content).decode()
    assert not re.search(f"rival|{CANARY}-team|{everything}", told)


@pytest.mark.parametrize(
    "asked",
    [
        {"q": CANARY},
        {"recipient": f"{CANARY}@example.net"},
        {"status": "sent"},
        {"provider": "ses"},
        {"mailing": "theirs"},
    ],
)
def test_no_filter_of_the_log_finds_another_teams_email(
    api: fakes.Api, theirs: Ids, asked: dict[str, str]
) -> None:
    if "mailing" in asked:
        asked = {"mailing": theirs["mailings"][0]}
    assert api.get("emails/", **asked).json()["results"] == []


def test_no_other_teams_mail_is_cancelled_or_counted(api: fakes.Api, theirs: Ids) -> None:
    Email.objects.update(status="queued", due_at=timezone.now())
    answer = api.post("emails/cancel/", {"filter": {"recipient": f"{CANARY}@example.net"}})
    assert (answer.status_code, answer.json()["count"]) == (200, 0)
    assert Email.objects.get().status == "queued"


def test_no_other_teams_mail_is_sent_again_or_counted(api: fakes.Api, theirs: Ids) -> None:
    given = {"status": ["sent"], "recipient": f"{CANARY}@example.net"}
    told = api.post("emails/resend/", {"filter": given, "dry_run": True})
    assert (told.status_code, told.json()["count"], told.json()["sample"]) == (200, 0, [])
    assert api.post("emails/resend/", {"filter": given, "count": 1}).json()["code"] == "other_number"
    assert Email.objects.count() == 1
