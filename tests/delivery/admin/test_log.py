"""The log is read and never changed; keys are made, shown once and revoked; pages cost the same for any log."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from delivery.access import keys
from delivery.db import ids
from delivery.files import storage
from delivery.models import ApiKey, Attachment, Attempt, Email, Team
from providers.message import file_of_bytes
from tests import fakes
from tests.delivery.admin.pages import LIST, page, reader, text
from tests.delivery.factories import written

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    """Somebody who may do everything."""
    cache.clear()
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


# The list.


def test_the_list_shows_subject_recipients_status_provider_and_attempts(admin: Client) -> None:
    email = written(
        "Your invoice",
        to=("ann@example.org", "bob@example.org", "eve@example.org"),
        status="sent",
        provider="ses",
    )
    Attempt.objects.create(email=email, provider="ses", epoch=1)
    written("")

    shown = text(admin.get(LIST))

    assert re.search(r"Your invoice ann@example.org \+2 Accepted by ses ses 1 \d\d \w{3} \d{4}", shown)
    assert "(no subject)" in shown


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status__exact=failed", {"two"}),
        ("provider=ses", {"one"}),
        ("created_at_from=2026-03-02&created_at_to=2026-03-02", {"two"}),
        ("created_at_from=2026-03-02", {"two", "three"}),
        ("created_at_to=2026-03-01", {"one"}),
        ("created_at_from=nonsense&created_at_to=", {"one", "two", "three"}),
        ("created_at_from=0001-01-01&created_at_to=9999-12-31", {"one", "two", "three"}),
        ("q=two", {"two"}),
        ("q=bob", {"three"}),
        ("q=bob@example.org&status__exact=failed", set()),
        ("p=2", set()),
    ],
)
def test_filters_and_search_narrow_the_list(
    admin: Client, settings: Any, query: str, expected: set[str]
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses", "eu=sendgrid")
    at = [ids.floor(datetime(2026, 3, day, 12, tzinfo=UTC)) for day in (1, 2, 3)]
    written("one", id=at[0], provider="ses", status="sent")
    written("two", id=at[1], status="failed")
    written("three", id=at[2], to=("bob@example.org",))

    shown = admin.get(f"{LIST}?{query}").context["cl"].result_list

    assert {email.subject for email in shown} == expected


def test_an_id_finds_its_email(admin: Client) -> None:
    email = written("this")
    written("that")

    assert list(admin.get(LIST, {"q": str(email.pk)}).context["cl"].result_list) == [email]


@pytest.mark.parametrize(
    "query", ["html_body__contains=x", "subject__regex=.*", "recipients__address=x", "team__name=x"]
)
def test_parameters_that_would_read_the_whole_log_are_refused(admin: Client, query: str) -> None:
    assert admin.get(f"{LIST}?{query}").status_code == 400


@pytest.mark.parametrize("typed", ["\x00", "'", '"', "%", "x" * 5000, "\u202e", "(", "\ud800"])
def test_nothing_typed_into_the_search_is_an_error(admin: Client, typed: str) -> None:
    written()

    assert admin.get(LIST, {"q": typed.encode("utf-8", "surrogatepass")}).status_code in {200, 302}


@pytest.mark.parametrize("query", ["", "?q=hello", "?q=ann", "?status__exact=queued", "?provider=sandbox"])
def test_the_list_asks_the_database_as_often_for_100_emails_as_for_5(admin: Client, query: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert admin.get(LIST + query).status_code == 200
        assert not [entry for entry in captured if "html_body" in entry["sql"]]
        return len(captured)

    def write(count: int) -> None:
        for number in range(count):
            email = written(f"Hello {number}", to=("ann@example.org", "bob@example.org"), provider="sandbox")
            Attempt.objects.create(email=email, provider="sandbox", epoch=1)

    write(5)
    few = queries()
    write(95)

    assert queries() == few <= 16


# The page of one email.


def test_the_page_tells_everything_about_an_email(admin: Client) -> None:
    email = written(
        "Your invoice",
        from_name="Shop",
        status="sent",
        provider="sendgrid",
        reason="all is well",
        reply_to=[["help@example.org", "Help"]],
        headers={"List-Id": "letters"},
        metadata={"order": "4711"},
        tags=["november"],
        left_out={"ses": "ses takes 40 MB, not 50 MB"},
        text_body="Hello Ann",
        html_body="<p>Hello <b>Ann</b></p>",
    )
    Attempt.objects.create(
        email=email,
        provider="ses",
        epoch=1,
        outcome="refused_temporarily",
        code="Throttling",
        detail="too fast",
        latency_ms=112,
    )
    Attempt.objects.create(
        email=email, provider="sendgrid", epoch=1, outcome="accepted", provider_message_id="their-id"
    )

    answer = admin.get(page(email))

    shown = text(answer)
    for word in (
        "Shop",
        "all is well",
        "Help &lt;help@example.org&gt;",
        "List-Id letters",
        "order 4711",
        "november",
        "50 MB",
    ):
        assert word in shown
    for word in (
        "Refused Temporarily",
        "Throttling",
        "too fast",
        "112 ms",
        "their-id",
        "ann@example.org",
        "Hello Ann",
    ):
        assert word in shown
    assert f'<iframe class="gm-preview" sandbox="" src="{LIST}{email.pk}/preview/"' in answer.content.decode()
    assert "<b>Ann</b>" not in answer.content.decode()


@pytest.mark.parametrize(
    ("status", "lease", "epoch", "shown"),
    [
        ("sending", 30, 1, "in progress"),
        ("sending", -1, 1, "interrupted: outcome not known yet"),
        ("sending", 30, 2, "interrupted: outcome not known yet"),
        ("unknown", 30, 1, "interrupted: outcome not known yet"),
    ],
)
def test_an_attempt_that_nobody_closed_is_not_going_on_for_ever(
    admin: Client, status: str, lease: int, epoch: int, shown: str
) -> None:
    email = written(status=status, epoch=epoch, lease_until=timezone.now() + timedelta(seconds=lease))
    Attempt.objects.create(email=email, provider="ses", epoch=1)

    assert shown in text(admin.get(page(email)))


def test_the_page_tells_with_which_key_it_was_sent_and_whether_that_is_revoked(admin: Client) -> None:
    key, _ = keys.issue("shop", name="old server", scopes=["send"])
    email = written("Your invoice", team=key.team, key=key)
    said = f"API key old server ({key.public_id})"
    assert f"{said} If in doubt" in text(admin.get(page(email)))
    key.revoke()
    assert f"{said} revoked If in doubt" in text(admin.get(page(email)))


def test_an_email_that_was_there_when_its_process_ended_says_so(admin: Client) -> None:
    shown = text(admin.get(page(written(crashes=2, status="quarantined"))))
    assert "2 times the process that was handing it over ended in the middle." in shown
    assert "Quarantined" in shown


@pytest.mark.parametrize("pk", ["00000000-0000-0000-0000-000000000000", "nonsense", "1", "_5F"])
def test_an_email_that_is_not_there_is_not_there(admin: Client, pk: str) -> None:
    assert admin.get(f"{LIST}{pk}/change/").status_code == 404


def test_the_page_costs_the_same_for_many_recipients(admin: Client) -> None:
    def queries(count: int) -> int:
        email = written(to=tuple(f"ann{n}@example.org" for n in range(count)))
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(page(email)).status_code == 200
        return len(captured)

    assert queries(2) == queries(200)


# Parts of an email.


def attached(
    email: Email, name: str, kind: str = "application/pdf", content: bytes = b"content"
) -> Attachment:
    sha256 = storage.keep(file_of_bytes(content, filename=name, content_type=kind))
    return Attachment.objects.create(
        email=email, filename=name, content_type=kind, size=len(content), sha256=sha256
    )


def test_the_preview_is_served_with_a_policy_of_its_own(admin: Client) -> None:
    body = '<p onclick="x">Hi</p><script>x</script><LINK rel=preconnect href=//evil.example><meta http-equiv=refresh>'
    answer = admin.get(f"{LIST}{written(html_body=body).pk}/preview/")

    assert answer["Content-Security-Policy"] == (
        "sandbox; default-src 'none'; img-src data: cid:; style-src 'unsafe-inline'; frame-ancestors 'self'"
    )
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert "<p" in answer.content.decode()
    assert not re.search("<(link|meta)", answer.content.decode(), re.IGNORECASE)


@pytest.mark.parametrize(
    ("kind", "served"),
    [
        ("application/pdf", "application/pdf"),
        ("IMAGE/PNG", "image/png"),
        ("text/plain", "text/plain"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/javascript", "application/octet-stream"),
        ("text/html; charset=utf-8", "application/octet-stream"),
    ],
)
def test_an_attachment_is_kept_and_never_shown(admin: Client, kind: str, served: str) -> None:
    email = written()
    answer = admin.get(f"{LIST}{email.pk}/files/{attached(email, 'Ünï.pdf', kind).pk}/")

    assert answer["Content-Type"] == served
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''%C3%9Cn%C3%AF.pdf"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert b"".join(answer.streaming_content) == b"content"
    answer.close()


@pytest.mark.parametrize(
    "name", ['a"; filename="b.exe', "a\r\nX-Evil: 1", "a\x00b", "../../etc/passwd", "\u202etxt.exe", ""]
)
def test_no_file_name_breaks_out_of_its_header(admin: Client, name: str) -> None:
    email = written()
    file = attached(email, "plain.txt")
    Attachment.objects.filter(pk=file.pk).update(
        filename=name.replace("\x00", "" if connection.vendor == "postgresql" else "\x00")
    )

    answer = admin.get(f"{LIST}{email.pk}/files/{file.pk}/")
    answer.close()

    assert answer["Content-Disposition"].startswith("attachment; filename")
    assert "X-Evil" not in answer.headers


def test_an_attachment_whose_content_is_gone_says_so(admin: Client) -> None:
    email = written()
    file = attached(email, "invoice.pdf")
    storage.attachments().delete(storage.path(file.sha256))

    answer = admin.get(f"{LIST}{email.pk}/files/{file.pk}/")

    assert answer.status_code == 404
    assert "Attachment missing: invoice.pdf is not stored any more." in text(answer)
    assert admin.get(f"{LIST}{email.pk}/raw/").status_code == 404


def test_a_damaged_attachment_says_so(admin: Client, attachment_folder: Path) -> None:
    email = written()
    file = attached(email, "invoice.pdf")
    stored = attachment_folder / storage.path(file.sha256)
    stored.write_bytes(stored.read_bytes().swapcase())

    answers = [admin.get(f"{LIST}{email.pk}/{path}/") for path in (f"files/{file.pk}", "raw")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert "Attachment damaged: invoice.pdf is not what was stored." in text(answers[0])


def test_an_attachment_is_found_only_below_its_own_email(admin: Client) -> None:
    file = attached(written(), "invoice.pdf")

    assert admin.get(f"{LIST}{written().pk}/files/{file.pk}/").status_code == 404


def test_the_raw_message_is_what_a_provider_gets(admin: Client) -> None:
    from email import message_from_bytes, policy

    email = written("Grüße", text_body="Hello", html_body="<p>Hello</p>")
    attached(email, "invoice.pdf")

    answer = admin.get(f"{LIST}{email.pk}/raw/")
    mime = message_from_bytes(b"".join(answer.streaming_content), policy=policy.SMTP)
    answer.close()

    assert answer["Content-Disposition"] == f'attachment; filename="{email.pk}.eml"'
    assert (mime["Subject"], mime["X-GoMail-ID"]) == ("Grüße", str(email.pk))
    assert [part.get_filename() for part in mime.iter_attachments()] == ["invoice.pdf"]


# Nobody changes the log.


@pytest.mark.parametrize(
    "path", ["add/", "{pk}/change/", "{pk}/delete/", "{pk}/preview/", "{pk}/raw/", "{pk}/files/{file}/"]
)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_no_url_of_the_log_takes_anything_but_reading(admin: Client, path: str, method: str) -> None:
    email = written("before")
    url = LIST + path.format(pk=email.pk, file=attached(email, "a.pdf").pk)

    assert getattr(admin, method)(url, {"subject": "after", "post": "yes"}).status_code in {403, 405}
    assert Email.objects.get().subject == "before"


@pytest.mark.parametrize("action", ["delete_selected", "nonsense"])
def test_no_action_on_the_list_changes_anything(admin: Client, action: str) -> None:
    email = written()
    admin.post(LIST, {"action": action, "_selected_action": [email.pk], "post": "yes"})

    assert Email.objects.count() == 1
    assert "delete_selected" not in admin.get(LIST).content.decode()


def test_teams_and_keys_and_with_them_emails_cannot_be_deleted(admin: Client) -> None:
    team = Team.objects.create(name="shop")
    written(team=team)
    key, _ = keys.issue("shop", scopes=["send"])

    for url in (
        reverse("admin:delivery_team_delete", args=[team.pk]),
        reverse("admin:delivery_apikey_delete", args=[key.pk]),
    ):
        assert admin.get(url).status_code == admin.post(url, {"post": "yes"}).status_code == 403
    for name in ("team", "apikey"):
        listed = reverse(f"admin:delivery_{name}_changelist")
        admin.post(
            listed, {"action": "delete_selected", "_selected_action": [team.pk, key.pk], "post": "yes"}
        )
    assert (Team.objects.count(), ApiKey.objects.count(), Email.objects.count()) == (1, 1, 1)


# Who may see it.


def pages_of(email: Email, file: Attachment, key: ApiKey) -> list[str]:
    parts = ("change/", "preview/", "raw/", f"files/{file.pk}/", "history/")
    keys = "/admin/delivery/apikey/"
    return [
        "/admin/",
        LIST,
        *(f"{LIST}{email.pk}/{part}" for part in parts),
        keys,
        f"{keys}add/",
        f"{keys}{key.pk}/revoke/",
    ]


def test_without_a_staff_login_every_page_is_the_login_page() -> None:
    email = written("secret subject")
    key, _ = keys.issue("shop", scopes=["send"])
    somebody = Client()
    somebody.force_login(User.objects.create_user("customer"))

    for client in (Client(), somebody):
        for url in pages_of(email, attached(email, "a.pdf"), key):
            answer = client.get(url)
            assert (answer.status_code, answer["Location"].startswith("/admin/login/")) == (302, True), url


def test_staff_that_is_in_no_team_sees_nothing_of_the_log() -> None:
    email = written("secret subject", status="failed")
    key, _ = keys.issue("shop", scopes=["send"])
    client = reader()

    first, *rest = pages_of(email, attached(email, "a.pdf"), key)
    assert "secret subject" not in client.get(first).content.decode()
    assert {client.get(url).status_code for url in rest} == {403}


def test_a_reader_of_the_log_cannot_touch_keys() -> None:
    email = written()
    key, _ = keys.issue("shop", scopes=["send"])
    client = reader("support")

    assert client.get(page(email)).status_code == 200
    assert client.get(f"/admin/delivery/apikey/{key.pk}/change/").status_code == 403
    assert (
        client.post("/admin/delivery/apikey/add/", {"team_name": "x", "granted": ["send"]}).status_code == 403
    )
    assert client.post(f"/admin/delivery/apikey/{key.pk}/revoke/").status_code == 403
    key.refresh_from_db()
    assert key.revoked_at is None


# API keys.


def made(admin: Client, **fields: Any) -> Any:
    form = {"team_name": "shop", "granted": ["emails.send", "emails.read"], "senders": "", **fields}
    return admin.post("/admin/delivery/apikey/add/", form)


def token_in(answer: Any) -> str:
    (token,) = set(re.findall(r"gm_live_\w{8}_\w{32}_\w{8}", answer.content.decode())) or {""}
    return token


def test_a_new_key_is_shown_once_and_works(admin: Client) -> None:
    answer = made(admin, senders="Shop@Example.org\n\n@example.com\r\n")
    token = token_in(answer)

    key = ApiKey.objects.get()
    assert (key.team.name, key.scopes, key.from_addresses) == (
        "shop",
        ["emails.send", "emails.read"],
        ["shop@example.org", "@example.com"],
    )
    assert "no-store" in answer["Cache-Control"]
    assert fakes.Api(Client(), token).get("emails/").status_code == 200
    secret = token.split("_")[3]
    for url in (
        "/admin/delivery/apikey/",
        f"/admin/delivery/apikey/{key.pk}/change/",
        f"/admin/delivery/apikey/{key.pk}/history/",
    ):
        shown = admin.get(url).content.decode()
        assert key.public_id in shown
        assert secret not in shown
        assert key.digest not in shown
    assert secret not in str(list(admin.session.items()))


@pytest.mark.parametrize(
    "fields",
    [{"team_name": ""}, {"team_name": "   "}, {"team_name": "x" * 101}, {"granted": []}, {"granted": ["everything"]},
     {"senders": "nobody"}, {"senders": "a@b\x00.c"}, {"senders": "ok@example.org\n@"}],
)  # fmt: skip
def test_a_key_that_makes_no_sense_is_not_made(admin: Client, fields: dict[str, Any]) -> None:
    answer = made(admin, **fields)

    assert (answer.status_code, token_in(answer), ApiKey.objects.count()) == (200, "", 0)


def test_an_existing_team_gets_another_key(admin: Client) -> None:
    made(admin)
    made(admin, team_name=" shop ")

    assert (Team.objects.count(), ApiKey.objects.count()) == (1, 2)


def test_a_revoked_key_is_refused_from_then_on(admin: Client) -> None:
    key, token = keys.issue("shop", scopes=["read"])
    url = f"/admin/delivery/apikey/{key.pk}/revoke/"

    assert "Revoke gm_live_" in text(admin.get(url))
    assert fakes.Api(Client(), token).get("emails/").status_code == 200
    assert admin.post(url).status_code == 302
    keys._live.cache_clear()  # what the end of a second does
    assert fakes.Api(Client(), token).get("emails/").status_code == 401
    key.refresh_from_db()
    first = key.revoked_at
    admin.post(url)
    key.refresh_from_db()
    assert key.revoked_at == first


def test_revoking_and_making_need_the_csrf_token(admin: Client) -> None:
    key, _ = keys.issue("shop", scopes=["read"])
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin.cookies

    assert strict.post(f"/admin/delivery/apikey/{key.pk}/revoke/").status_code == 403
    assert made(strict).status_code == 403
    assert ApiKey.objects.get().revoked_at is None


def test_a_key_cannot_be_edited_back_to_life(admin: Client) -> None:
    key, _ = keys.issue("shop", scopes=["read"])
    key.revoke()

    answer = admin.post(
        f"/admin/delivery/apikey/{key.pk}/change/", {"revoked_at": "", "team_name": "x", "granted": ["send"]}
    )

    assert answer.status_code == 403
    assert ApiKey.objects.get(revoked_at__isnull=False).scopes == ["read"]


@pytest.mark.parametrize("pk", ["0", "99999", "nonsense", "9" * 30])
def test_a_key_that_is_not_there_cannot_be_revoked(admin: Client, pk: str) -> None:
    assert admin.post(f"/admin/delivery/apikey/{pk}/revoke/").status_code == 404


# The rest.


def test_the_first_page_counts_the_last_day_and_names_what_needs_a_look(admin: Client) -> None:
    written("fine", status="sent")
    written("old", id=ids.floor(timezone.now() - timedelta(days=2)), status="sent")
    written("broken", status="failed", reason="no such domain")

    shown = text(admin.get("/admin/"))

    assert "Sent 1 last 24 hours" in shown
    assert "Failed no such domain 1 email: broken" in shown


@pytest.mark.parametrize("name", ["auth_user", "delivery_team", "delivery_apikey"])
@pytest.mark.parametrize("view", ["changelist", "add"])
def test_every_other_page_renders(admin: Client, name: str, view: str) -> None:
    keys.issue("shop", scopes=["read"])

    assert admin.get(reverse(f"admin:{name}_{view}")).status_code == 200


def test_the_admin_runs_scripts_of_its_own_files_only(admin: Client) -> None:
    policy = admin.get(LIST)["Content-Security-Policy"]

    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_filters_answer_where_an_email_was_tried_by_whom_and_what_went_wrong(
    admin: Client, settings: Any
) -> None:
    settings.GOMAIL_PROVIDERS = ("ses", "sendgrid")
    team = Team.objects.create(name="shop")
    key, _ = keys.issue("shop", scopes=["emails.read"])
    email = written("this", team=team, key=key, from_address="Shop@example.org", provider="sendgrid")
    Attempt.objects.create(email=email, provider="ses", epoch=1, outcome="refused", error="throttled")
    written("that", from_address="news@example.org", id=ids.floor(timezone.now() - timedelta(days=2)))
    asked = ("tried=ses", "error=throttled", "sender=shop@example.org", f"key={key.public_id}", "age=24h")
    for query in (*asked, f"team__id__exact={team.pk}", "&".join(asked)):
        shown = admin.get(f"{LIST}?{query}").context["cl"].result_list
        assert [each.subject for each in shown] == ["this"], query
    for query in ("tried=sendgrid", "error=unknown", "key=nobody12", "sender=x@example.org"):
        assert not admin.get(f"{LIST}?{query}").context["cl"].result_list, query


def test_the_filters_offer_the_own_teams_senders_and_keys_alone(admin: Client) -> None:
    written("theirs", team=Team.objects.create(name="other"), from_address="secret@rival.example")
    keys.issue("other", scopes=["emails.read"], name="rivals")
    shown = reader("viewer").get(LIST).content.decode()
    assert "secret@rival.example" not in shown
    assert "rivals" not in shown
