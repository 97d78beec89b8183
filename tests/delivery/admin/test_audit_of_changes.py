"""Every form and button of the admin that changes something leaves exactly one entry, or is not done."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from delivery.access import audit, keys, members
from delivery.audience import contacts, groups
from delivery.models import (
    ApiKey,
    Attempt,
    AuditEntry,
    Circuit,
    Contact,
    Email,
    Group,
    Incident,
    Invitation,
    Mailing,
    Member,
    Membership,
    Suppression,
    Team,
    WebhookEndpoint,
    WebhookMessage,
)
from delivery.suppressions import entries
from delivery.suppressions.entries import Finding
from delivery.webhooks import endpoints
from tests import tables
from tests.delivery.factories import queued
from tests.delivery.mailings import mailed

pytestmark = pytest.mark.django_db(transaction=True)
URL: Final = "https://93.184.215.14/hook"
PASSWORD: Final = "correct horse battery"


def team() -> Team:
    return Team.objects.get_or_create(name="shop")[0]


def braked() -> Team:
    Team.objects.filter(pk=team().pk).update(marketing_paused_at=timezone.now())
    return team()


def key() -> ApiKey:
    return keys.issue(team(), scopes=["emails.read"])[0]


def unknown() -> Email:
    email = queued(team=team(), status="unknown", due_at=None)
    email.recipients.update(status="unknown")
    Attempt.objects.create(email=email, provider="ses", epoch=1, outcome="unknown", error="unknown")
    return email


def over() -> Email:
    return queued(team=team(), status="failed", due_at=None)


def member() -> Member:
    user = User.objects.create_user("eve", "eve@example.org")
    return Member.objects.create(team=team(), user=user, role="viewer")


def invitation() -> Invitation:
    return members.invite(team(), "eve@example.org", "viewer", None)[0]


def suppression() -> Suppression:
    given: dict[str, Any] = {"kind": "hard_bounce", "source": "ses", "at": timezone.now()}
    return entries.add([Finding(team_id=team().pk, address="bob@example.org", **given)])[0]


def endpoint(**fields: Any) -> WebhookEndpoint:
    return endpoints.create(team(), url=URL, **fields)


def message() -> WebhookMessage:
    given = {"endpoint": endpoint(), "kind": "email.sent", "at": timezone.now(), "outcome": "failed"}
    return WebhookMessage.objects.create(**given)


def user(**fields: Any) -> User:
    return User.objects.create_user("eve", "eve@example.org", **fields)


def circuit(**fields: Any) -> Circuit:
    return Circuit.objects.create(provider="sandbox", changed_at=timezone.now(), **fields)


def contact() -> Contact:
    with transaction.atomic():
        return contacts.create(team(), email="ann@example.org")


def incident() -> Incident:
    return Incident.objects.create(kind="account", subject="ses", said="It cannot send.")


def group() -> Group:
    with transaction.atomic():
        return groups.create(team(), name="News")


def unsubscribed() -> Membership:
    return Membership.objects.create(group=group(), contact=contact(), status="unsubscribed")


def mailing(state: str = "draft", **fields: Any) -> Mailing:
    given = {"team": team(), "name": "June", "group": news(), "subject": "Hi", "text": "Hi"}
    made = Mailing(**given, paused_at=timezone.now(), state=state, **fields)
    made.check_result = mailed.nobody_found(made)
    made.save()
    return made


def news() -> Group:
    known = Group.objects.filter(name="News").first() or group()
    Group.objects.update(from_address="news@example.org", unsubscribe=False)
    return known


@dataclass(frozen=True, kw_only=True)
class Form:
    """What is posted to a page about a row, and what the audit must say."""

    action: str
    row: Callable[[], Any] = lambda: None
    fields: Callable[[Any], dict[str, Any]] = lambda _: {}
    path: str = ""  # below the list; {} is the row's id


def known(row: User) -> dict[str, Any]:
    """Return the fields of a person's page as it shows them."""
    dates = {
        "last_login_0": "",
        "last_login_1": "",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    }
    return {"username": row.username, "email": row.email, "is_active": "on", **dates}


MAILING: Final = {"name": "July", "subject": "Hi", "text": "Hi", "on_ambiguous": "stop"}
CONTACT: Final = {"email": "ann@example.org", "data": "{}"}
NEW_KEY: Final = {"team_name": "shop", "called": "a", "granted": ["emails.read"], "senders": ""}
NEW_USER: Final = {
    "username": "new",
    "usable_password": "true",
    "password1": PASSWORD,
    "password2": PASSWORD,
}
FORMS: Final[Mapping[str, Form]] = {
    "delivery_incident_acknowledge": Form(
        action="incident.acknowledged", row=incident, path="{}/acknowledge/"
    ),
    "delivery_team_add": Form(action="team.created", path="add/", fields=lambda _: {"name": "new"}),
    "delivery_team_change": Form(
        action="team.changed", row=team, path="{}/change/", fields=lambda _: {"name": "new"}
    ),
    "delivery_team_delete_team": Form(
        action="team.deleted", row=team, path="{}/delete-team/", fields=lambda _: {"again": "shop"}
    ),
    "delivery_team_pause": Form(
        action="team.paused", row=team, path="{}/pause/", fields=lambda _: {"order": "pause"}
    ),
    "delivery_team_limits": Form(
        action="limits.set", row=team, path="{}/limits/", fields=lambda _: {"daily": "5"}
    ),
    "delivery_team_marketing": Form(action="team.marketing_resumed", row=braked, path="{}/marketing/"),
    "delivery_apikey_add": Form(action="key.created", row=team, path="add/", fields=lambda _: NEW_KEY),
    "delivery_apikey_rotate": Form(
        action="key.rotated", row=key, path="{}/rotate/", fields=lambda _: {"overlap": "24"}
    ),
    "delivery_apikey_edit": Form(action="key.changed", row=key, path="{}/edit/", fields=lambda _: NEW_KEY),
    "delivery_apikey_revoke": Form(action="key.revoked", row=key, path="{}/revoke/"),
    "delivery_apikey_pause": Form(
        action="key.paused", row=key, path="{}/pause/", fields=lambda _: {"order": "pause"}
    ),
    "delivery_apikey_limits": Form(
        action="limits.set", row=key, path="{}/limits/", fields=lambda _: {"daily": "5"}
    ),
    "email_was-sent": Form(action="email.settled", row=unknown, path="{}/was-sent/"),
    "email_was-not-sent": Form(action="email.settled", row=unknown, path="{}/was-not-sent/"),
    "email_cancel": Form(action="email.cancelled", row=lambda: queued(team=team()), path="{}/cancel/"),
    "email_resend": Form(action="email.resent", row=over, path="{}/resend/"),
    "email_resend-to": Form(
        action="email.resent", row=over, path="{}/resend-to/", fields=lambda _: {"to": "eve@example.org"}
    ),
    "email_reschedule": Form(
        action="email.rescheduled",
        row=lambda: queued(team=team(), status="scheduled"),
        path="{}/reschedule/",
        fields=lambda _: {"at": "2040-07-01T12:00"},
    ),
    "email_suppress": Form(
        action="suppression.added",
        row=over,
        path="{}/suppress/",
        fields=lambda _: {"who": "bob@example.org", "because": "Asked"},
    ),
    "delivery_email_all_cancel": Form(
        action="emails.cancelled",
        row=lambda: queued(team=team()),
        path="all/cancel/",
        fields=lambda row: {"until": row.pk},
    ),
    "delivery_invitation_add": Form(
        action="member.invited",
        row=team,
        path="add/",
        fields=lambda row: {"team": row.pk, "who": "eve@example.org", "given": "viewer"},
    ),
    "delivery_invitation_withdraw": Form(
        action="member.invitation_withdrawn", row=invitation, path="{}/withdraw/"
    ),
    "delivery_member_change_role": Form(
        action="member.role_changed", row=member, path="{}/role/", fields=lambda _: {"role": "support"}
    ),
    "delivery_member_hand_over": Form(action="team.transferred", row=member, path="{}/hand-over/"),
    "delivery_member_remove": Form(action="member.removed", row=member, path="{}/remove/"),
    "delivery_circuit_take_out": Form(
        action="circuit.taken_out", row=circuit, path="take-out/", fields=lambda _: {"provider": "sandbox"}
    ),
    "delivery_circuit_put_back": Form(
        action="circuit.put_back",
        row=lambda: circuit(state="out"),
        path="put-back/",
        fields=lambda _: {"provider": "sandbox"},
    ),
    "delivery_suppression_add": Form(
        action="suppression.added",
        row=team,
        path="add/",
        fields=lambda row: {
            "who": "a@example.org",
            "whose": row.pk,
            "team": row.pk,
            "why": "manual",
            "because": "Asked",
        },
    ),
    "delivery_suppression_let_go": Form(
        action="suppression.removed",
        row=suppression,
        path="{}/let-go/",
        fields=lambda _: {"reason": "New mailbox"},
    ),
    "delivery_webhookendpoint_add": Form(
        action="webhook.created",
        row=team,
        path="add/",
        fields=lambda row: {"team": row.pk, "url": URL, "description": ""},
    ),
    "delivery_webhookendpoint_switch_on": Form(
        action="webhook.changed", row=lambda: endpoint(enabled=False), path="{}/switch-on/"
    ),
    "delivery_webhookendpoint_switch_off": Form(
        action="webhook.changed", row=endpoint, path="{}/switch-off/"
    ),
    "delivery_webhookendpoint_test": Form(action="webhook.tested", row=endpoint, path="{}/test/"),
    "delivery_webhookendpoint_rotate": Form(action="webhook.rotated", row=endpoint, path="{}/rotate/"),
    "delivery_webhookmessage_replay": Form(action="webhook.replayed", row=message, path="{}/replay/"),
    "delivery_erasure_forget": Form(
        action="erasure.made",
        row=team,
        path="forget/",
        fields=lambda row: {"who": "ann@example.org", "whose": row.pk, "again": "ann@example.org"},
    ),
    "delivery_contact_add": Form(
        action="contact.created", row=team, path="add/", fields=lambda row: {"team": row.pk, **CONTACT}
    ),
    "delivery_contact_change": Form(
        action="contact.changed",
        row=contact,
        path="{}/change/",
        fields=lambda _: {**CONTACT, "first_name": "Anna"},
    ),
    "delivery_contact_delete": Form(
        action="contact.deleted", row=contact, path="{}/delete/", fields=lambda _: {"post": "yes"}
    ),
    "delivery_group_add": Form(
        action="group.created", row=team, path="add/", fields=lambda row: {"team": row.pk, "name": "News"}
    ),
    "delivery_group_change": Form(
        action="group.changed", row=group, path="{}/change/", fields=lambda _: {"name": "Old news"}
    ),
    "delivery_group_delete": Form(
        action="group.deleted", row=group, path="{}/delete/", fields=lambda _: {"post": "yes"}
    ),
    "delivery_mailing_add": Form(
        action="mailing.created", row=news, path="add/", fields=lambda row: {**MAILING, "group": row.pk}
    ),
    "delivery_mailing_edit": Form(
        action="mailing.changed",
        row=mailing,
        path="{}/edit/",
        fields=lambda row: {**MAILING, "group": row.group_id},
    ),
    "delivery_mailing_discard": Form(action="mailing.deleted", row=mailing, path="{}/discard/"),
    "delivery_mailing_check": Form(action="mailing.checked", row=mailing, path="{}/check/"),
    "delivery_mailing_start": Form(
        action="mailing.started",
        row=lambda: mailing("checked"),
        path="{}/start/",
        fields=lambda _: {"recipients": "0"},
    ),
    "delivery_mailing_pause": Form(action="mailing.paused", row=lambda: mailing("sending"), path="{}/pause/"),
    "delivery_mailing_resume": Form(
        action="mailing.resumed", row=lambda: mailing("paused"), path="{}/resume/"
    ),
    "delivery_mailing_cancel": Form(
        action="mailing.cancelled", row=lambda: mailing("sending"), path="{}/cancel/"
    ),
    "delivery_mailing_retry": Form(action="mailing.retried", row=lambda: mailing("done"), path="{}/retry/"),
    "delivery_membership_resubscribe": Form(
        action="contact.resubscribed",
        row=unsubscribed,
        path="{}/resubscribe/",
        fields=lambda _: {"asked": "on"},
    ),
    "auth_user_add": Form(action="user.created", path="add/", fields=lambda _: NEW_USER),
    "auth_user_change": Form(
        action="user.changed",
        row=user,
        path="{}/change/",
        fields=lambda row: {**known(row), "is_superuser": "on"},
    ),
    "auth_user_delete": Form(
        action="user.deleted", row=user, path="{}/delete/", fields=lambda _: {"post": "yes"}
    ),
    "auth_user_password_change": Form(
        action="user.password_changed",
        row=user,
        path="{}/password/",
        fields=lambda _: {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD},
    ),
    "auth_user_delete_selected": Form(
        action="user.deleted",
        row=user,
        fields=lambda row: {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"},
    ),
}
NO_ENTRY: Final = {
    "delivery_email_acknowledge": "each team has an entry: see test_dashboard",
    "delivery_email_all_resend": "each email has an entry, and the order one: see test_orders",
    "delivery_email_export": "it has an entry though it changes nothing: see test_orders",
    "delivery_email_cancel_ticked": "it only asks",
    "delivery_email_resend_ticked": "it only asks",
    "delivery_email_send_test": "the email is its record",
    "delivery_mailing_test": "the emails are its record",
    "delivery_circuit_sender_domains": "it shows",
    "delivery_circuit_sender_domain": "it shows",
    "delivery_circuit_sender_domain_ask": "it asks the vendors and name servers, and changes nothing",
    "delivery_circuit_check": "it asks the vendor, and changes nothing of what is sent",
    "delivery_circuit_check_all": "it asks the vendors, and changes nothing of what is sent",
    **dict.fromkeys(
        (
            *("delivery_auditentry_export", "delivery_suppression_export", "delivery_contact_export"),
            "delivery_teamdeletion_progress",
            *("delivery_email_preview", "delivery_email_raw", "delivery_email_file"),
            "delivery_email_source",
            *("delivery_mailing_compose", "delivery_mailing_written", "delivery_mailing_try"),
            *("delivery_mailing_progress", "delivery_mailing_recipients"),
        ),
        "it is read",
    ),
}
# In tests/gomail/login, test_imports and test_library.
ELSEWHERE: Final = ("mfa_authenticator", "delivery_import_", "delivery_template_", "delivery_signature_")
OF_DJANGO: Final = ("changelist", "history")
ASKED: Final = ("add", "change", "delete")


def patterns(resolver: Any, model: str = "") -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from patterns(each, str(each.pattern).rstrip("/").rpartition("/")[2])
        else:
            yield model, each


def operator() -> Any:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    return request


def allowed(page: Any) -> Iterator[str]:
    """Yield Django's own pages of a model on which the operator may change something."""
    name = f"{page.opts.app_label}_{page.opts.model_name}"
    for word in ASKED:
        if getattr(page, f"has_{word}_permission")(operator()):
            yield f"{name}_{word}"
    yield from (f"{name}_{word}" for word in page.get_actions(operator()))


def names() -> set[str]:
    """Return all pages and buttons where something may be changed."""
    (site,) = (each for each in get_resolver().url_patterns if getattr(each, "app_name", "") == "admin")
    plain = {f"{page.opts.app_label}_{page.opts.model_name}_" for page in admin.site._registry.values()}
    django = {f"{name}{word}" for name in plain for word in (*OF_DJANGO, *ASKED)}
    words = [
        (each.name or f"{model}_{str(each.pattern).strip('/').rpartition('/')[2]}")
        for model, each in patterns(site)
        if model and getattr(each.callback, "view_class", None) is None
    ]
    return {word for word in words if word not in django} | {
        name for page in admin.site._registry.values() for name in allowed(page)
    }


def path_of(name: str, form: Form, row: Any) -> str:
    """Return the address of a form about a row."""
    app, model = ("delivery", "email") if name.startswith("email_") else name.split("_")[:2]
    return f"/admin/{app}/{model}/" + form.path.format(getattr(row, "pk", ""))


@pytest.fixture(autouse=True)
def _tombstones(settings: Any) -> None:
    settings.GOMAIL_TOMBSTONE_KEYS = ("k" * 40,)


def fails(*_: Any, **__: Any) -> None:
    raise ZeroDivisionError


def test_each_form_and_button_is_looked_at() -> None:
    found = {name for name in names() if not name.startswith(ELSEWHERE)}
    assert found == FORMS.keys() | NO_ENTRY.keys()


def test_no_page_changes_other_rows_beside_its_own() -> None:
    """What `recording.Recorded` does not see: rows of another model inside a form, and cells of the list."""
    for page in admin.site._registry.values():
        assert (list(page.inlines), list(page.list_editable)) == ([], []), page


@pytest.mark.parametrize("name", FORMS)
def test_a_form_leaves_one_entry_without_a_secret_or_is_not_done(admin_client: Client, name: str) -> None:
    form = FORMS[name]
    row = form.row()
    path, fields = path_of(name, form, row), form.fields(row)
    before, known = tables.snapshot(), set(AuditEntry.objects.values_list("pk", flat=True))

    with pytest.MonkeyPatch.context() as patch:  # it cannot be recorded
        patch.setattr(audit, "record", fails)
        admin_client.raise_request_exception = False
        assert admin_client.post(path, fields).status_code == 500
    assert tables.snapshot() == before

    admin_client.raise_request_exception = True
    answer = admin_client.post(path, fields, headers={"X-Request-ID": "mine-1"})
    assert answer.status_code in (200, 302), answer.content
    (entry,) = AuditEntry.objects.exclude(pk__in=known)
    assert (entry.action, entry.request_id, entry.address) == (form.action, "mine-1", "127.0.0.1")
    assert (entry.actor_kind, entry.actor_name) == ("member", "admin")
    kept = json.dumps(list(AuditEntry.objects.values()), default=str)
    digests = set(ApiKey.objects.values_list("digest", flat=True))
    secrets = set(WebhookEndpoint.objects.values_list("secret", flat=True))
    hashes = set(User.objects.values_list("password", flat=True))
    assert {secret for secret in {PASSWORD, *digests, *secrets, *hashes} - {""} if secret in kept} == set()


def test_several_that_are_deleted_in_the_list_have_an_entry_each(admin_client: Client) -> None:
    several = [User.objects.create_user(name) for name in ("eve", "bob")]
    chosen = {"action": "delete_selected", "_selected_action": [one.pk for one in several], "post": "yes"}
    admin_client.post("/admin/auth/user/", chosen)
    deleted = AuditEntry.objects.filter(action="user.deleted").values_list("before", flat=True)
    assert sorted(row["name"] for row in deleted if row) == ["bob", "eve"]
    assert not User.objects.filter(pk__in=[one.pk for one in several]).exists()


@pytest.mark.parametrize("name", ["delivery_team_add", "delivery_suppression_let_go", "auth_user_add"])
def test_a_form_that_is_not_valid_leaves_none(admin_client: Client, name: str) -> None:
    form = FORMS[name]
    row = form.row()
    before = tables.snapshot()
    assert admin_client.post(path_of(name, form, row), {}).status_code == 200
    assert tables.snapshot() == before
