"""One call of each path that changes something, as a client makes it, and what the audit must say of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import User
from django.utils import timezone

from delivery.access import members
from delivery.library import signatures, templates
from delivery.models import (
    Email,
    Group,
    Mailing,
    Member,
    Team,
    Template,
    WebhookCall,
    WebhookEndpoint,
    WebhookMessage,
)
from delivery.suppressions import entries
from delivery.suppressions.entries import Finding
from delivery.webhooks import endpoints
from tests import fakes
from tests.delivery.factories import queued
from tests.delivery.mailings import mailed

HTML: Final = "<p>Hi</p>"
SIGNED: Final = {"name": "Shop", "html": HTML, "match": "from_domain", "match_value": "example.org"}
URL: Final = "https://93.184.215.14/hook"


def team() -> Team:
    return Team.objects.get(name="tests")


def email(**fields: Any) -> str:
    return str(queued(team=team(), **fields).pk)


def later() -> str:
    soon = timezone.now() + timedelta(hours=1)
    return email(status="scheduled", due_at=soon, expires_at=soon + timedelta(hours=1))


def suppressed() -> str:
    given: dict[str, Any] = {"kind": "hard_bounce", "source": "ses", "at": timezone.now()}
    entries.add([Finding(team_id=team().pk, address="bob@example.org", **given)])
    return "bob@example.org"


def endpoint() -> WebhookEndpoint:
    return endpoints.create(team(), url=URL)


def told(to: WebhookEndpoint) -> WebhookMessage:
    return WebhookMessage.objects.create(endpoint=to, kind="email.sent", at=timezone.now(), outcome="failed")


def call() -> str:
    to = endpoint()
    made = WebhookCall.objects.create(endpoint=to, message=told(to), status=500, answer="", ms=1)
    return f"webhooks/{to.pk}/calls/{made.pk}/replay/"


def to_replay() -> str:
    to = endpoint()
    told(to)
    return f"webhooks/{to.pk}/replay/"


def key(api: fakes.Api, **fields: Any) -> str:
    made = api.post("keys/", {"name": "another", "scopes": ["emails.read"], **fields})
    assert made.status_code == 201, made.content
    return f"keys/{made.json()['id']}/"


def paused(api: fakes.Api) -> str:
    path = key(api)
    assert api.post(f"{path}pause/", {}).status_code == 200
    return f"{path}resume/"


def member() -> str:
    user = User.objects.create_user("eve", "eve@example.org")
    return f"members/{Member.objects.create(team=team(), user=user, role='viewer').pk}/"


def invitation() -> str:
    return f"members/invitations/{members.invite(team(), 'eve@example.org', 'viewer', None)[0].pk}/"


def an_hour() -> dict[str, str]:
    return {"since": (timezone.now() - timedelta(hours=1)).isoformat()}


def template(kind: str) -> Template:
    return templates.create(team(), name="Order", slug="order", kind=kind)


def signature() -> str:
    return f"signatures/{signatures.create(team(), **SIGNED).pk}/"


def news() -> Group:
    """Return a group with nobody in it."""
    given = {"from_address": "news@example.org", "unsubscribe": False}
    return Group.objects.create(team=team(), name="News", **given)


def mailing(state: str = "draft") -> str:
    given = {"team": team(), "name": "June", "group": news(), "subject": "Hi", "text": "Hi"}
    made = Mailing(**given, state=state, paused_at=timezone.now())
    made.check_result = mailed.nobody_found(made)
    made.save()
    return f"mailings/{made.pk}/"


def html(kind: str) -> str:
    return "<p>{{ content }}</p>" if kind == "layout" else HTML


def version(kind: str) -> str:
    made = templates.add_version(template(kind), subject="Hi" if kind == "template" else "", html=html(kind))
    return f"{kind}s/{made.template_id}/versions/{made.number}/"


def unpublished(kind: str) -> str:
    return version(kind).partition("versions/")[0] + "publish/"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A call: its path and body are made when what it is about is there."""

    action: str
    path: Callable[[fakes.Api], str]
    method: str = "post"
    body: Callable[[], Any] = dict

    def make(self, api: fakes.Api, path: str, **headers: str) -> Any:
        body = self.body()
        kind = "text/csv" if isinstance(body, str) else "application/json"
        given = {} if self.method == "delete" else {"data": body, "content_type": kind}
        return getattr(api.client, self.method)(fakes.V1 + path, headers=api.headers | headers, **given)


def of_library(kind: str) -> dict[str, Change]:
    """Return the changes of templates, layouts or partials."""
    one, many = f"{kind}s/{{id}}/", f"{kind}s/"
    written = {"subject": "Hi"} if kind == "template" else {}
    body = {**written, "html": html(kind)}
    changed, deleted = f"{kind}.changed", f"{kind}.deleted"
    return {
        f"POST {many}": Change(
            action=f"{kind}.created", path=lambda _: many, body=lambda: {"name": "Order", "slug": "order"}
        ),
        f"PATCH {one}": Change(
            action=changed,
            path=lambda _: f"{many}{template(kind).pk}/",
            method="patch",
            body=lambda: {"name": "Orders"},
        ),
        f"DELETE {one}": Change(
            action=deleted, path=lambda _: f"{many}{template(kind).pk}/", method="delete"
        ),
        f"POST {one}versions/": Change(
            action=changed, path=lambda _: f"{many}{template(kind).pk}/versions/", body=lambda: body
        ),
        f"PATCH {one}versions/{{number}}/": Change(
            action=changed, path=lambda _: version(kind), method="patch", body=lambda: {"text": "Hi"}
        ),
        f"DELETE {one}versions/{{number}}/": Change(
            action=changed, path=lambda _: version(kind), method="delete"
        ),
        f"POST {one}publish/": Change(
            action=f"{kind}.published", path=lambda _: unpublished(kind), body=lambda: {"version": 1}
        ),
    }


SUPPRESS: Final = {"address": "ann@example.org", "reason": "Asked for it"}
CHANGES: Final[Mapping[str, Change]] = {
    "PATCH emails/{id}/": Change(
        action="email.rescheduled",
        path=lambda _: f"emails/{later()}/",
        method="patch",
        body=lambda: {"send_at": (timezone.now() + timedelta(hours=2)).isoformat()},
    ),
    "POST emails/{id}/cancel/": Change(action="email.cancelled", path=lambda _: f"emails/{email()}/cancel/"),
    "POST emails/cancel/": Change(
        action="emails.cancelled",
        path=lambda _: f"emails/cancel/?{email()}".partition("?")[0],
        body=lambda: {"filter": {"recipient": Email.objects.get().recipients.get().address}},
    ),
    "POST emails/resend/": Change(
        action="emails.resent",
        path=lambda _: f"emails/resend/?{email(status='failed', due_at=None)}".partition("?")[0],
        body=lambda: {"filter": {"status": "failed"}, "count": 1},
    ),
    "POST keys/": Change(
        action="key.created", path=lambda _: "keys/", body=lambda: {"name": "a", "scopes": ["emails.read"]}
    ),
    "PATCH keys/{id}/": Change(
        action="key.changed", path=key, method="patch", body=lambda: {"note": "for the shop"}
    ),
    "DELETE keys/{id}/": Change(action="key.revoked", path=key, method="delete"),
    "POST keys/{id}/pause/": Change(action="key.paused", path=lambda api: f"{key(api)}pause/"),
    "POST keys/{id}/resume/": Change(action="key.resumed", path=paused),
    "POST keys/{id}/rotate/": Change(action="key.rotated", path=lambda api: f"{key(api)}rotate/"),
    "POST members/": Change(
        action="member.invited",
        path=lambda _: "members/",
        body=lambda: {"email": "eve@example.org", "role": "viewer"},
    ),
    "PATCH members/{id}/": Change(
        action="member.role_changed",
        path=lambda _: member(),
        method="patch",
        body=lambda: {"role": "support"},
    ),
    "DELETE members/{id}/": Change(action="member.removed", path=lambda _: member(), method="delete"),
    "DELETE members/invitations/{id}/": Change(
        action="member.invitation_withdrawn", path=lambda _: invitation(), method="delete"
    ),
    "POST suppressions/": Change(
        action="suppression.added", path=lambda _: "suppressions/", body=lambda: SUPPRESS
    ),
    "DELETE suppressions/{named}/": Change(
        action="suppression.removed", path=lambda _: f"suppressions/{suppressed()}/", method="delete"
    ),
    "POST suppressions/import/": Change(
        action="suppressions.imported",
        path=lambda _: "suppressions/import/",
        body=lambda: "address,kind\nann@example.org,manual\nbob@example.org,manual\nnobody,manual\n",
    ),
    "POST webhooks/": Change(
        action="webhook.created", path=lambda _: "webhooks/", body=lambda: {"url": f"{URL}?key=canary"}
    ),
    "PATCH webhooks/{id}/": Change(
        action="webhook.changed",
        path=lambda _: f"webhooks/{endpoint().pk}/",
        method="patch",
        body=lambda: {"enabled": False},
    ),
    "DELETE webhooks/{id}/": Change(
        action="webhook.deleted", path=lambda _: f"webhooks/{endpoint().pk}/", method="delete"
    ),
    "POST webhooks/{id}/calls/{call}/replay/": Change(action="webhook.replayed", path=lambda _: call()),
    "POST webhooks/{id}/replay/": Change(action="webhook.replayed", path=lambda _: to_replay(), body=an_hour),
    "POST webhooks/{id}/rotate/": Change(
        action="webhook.rotated", path=lambda _: f"webhooks/{endpoint().pk}/rotate/"
    ),
    "POST erasures/": Change(
        action="erasure.made", path=lambda _: "erasures/", body=lambda: {"address": "ann@example.org"}
    ),
    "POST webhooks/{id}/test/": Change(
        action="webhook.tested", path=lambda _: f"webhooks/{endpoint().pk}/test/"
    ),
    "POST signatures/": Change(action="signature.created", path=lambda _: "signatures/", body=lambda: SIGNED),
    "PATCH signatures/{id}/": Change(
        action="signature.changed",
        path=lambda _: signature(),
        method="patch",
        body=lambda: {"name": "Another"},
    ),
    "DELETE signatures/{id}/": Change(
        action="signature.deleted", path=lambda _: signature(), method="delete"
    ),
    "POST mailings/": Change(
        action="mailing.created",
        path=lambda _: f"mailings/?{news()}".partition("?")[0],
        body=lambda: {"name": "June", "group": str(Group.objects.get().pk), "subject": "Hi", "text": "Hi"},
    ),
    "PATCH mailings/{id}/": Change(
        action="mailing.changed", path=lambda _: mailing(), method="patch", body=lambda: {"name": "July"}
    ),
    "DELETE mailings/{id}/": Change(action="mailing.deleted", path=lambda _: mailing(), method="delete"),
    "POST mailings/{id}/check/": Change(action="mailing.checked", path=lambda _: f"{mailing()}check/"),
    "POST mailings/{id}/start/": Change(
        action="mailing.started", path=lambda _: f"{mailing('checked')}start/", body=lambda: {"recipients": 0}
    ),
    "POST mailings/{id}/pause/": Change(
        action="mailing.paused", path=lambda _: f"{mailing('sending')}pause/"
    ),
    "POST mailings/{id}/resume/": Change(
        action="mailing.resumed", path=lambda _: f"{mailing('paused')}resume/"
    ),
    "POST mailings/{id}/cancel/": Change(
        action="mailing.cancelled", path=lambda _: f"{mailing('sending')}cancel/"
    ),
    "POST mailings/{id}/retry/": Change(action="mailing.retried", path=lambda _: f"{mailing('done')}retry/"),
    **of_library("template"),
    **of_library("layout"),
    **of_library("partial"),
}
# Paths that change something, and leave no entry.
NO_ENTRY: Final[Mapping[str, str]] = {
    "POST send-email/": "the email is its record",
    "POST send-mail/": "the email is its record",
    "POST batches/": "the emails are its record",
    "POST /email": "the email is its record",
    "POST mailings/{id}/test/": "the emails are its record",
    "POST emails/{id}/resend/": "the new email is its record, which names the old one",
    "POST events/{account}/": "no member and no key does it: a provider, whose event is the record",
    "POST templates/{id}/render/": "it changes nothing",
    "POST layouts/{id}/render/": "it changes nothing",
    "POST partials/{id}/render/": "it changes nothing",
    "POST signatures/{id}/preview/": "it changes nothing",
}
# What begins so is looked at in these files.
ELSEWHERE: Final[Mapping[str, str]] = {
    "contacts/": "tests/api/test_contacts.py",
    "groups/": "tests/api/test_contacts.py",
    "imports/": "tests/api/test_imports.py",
}
