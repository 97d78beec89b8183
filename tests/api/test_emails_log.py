"""emails/ and emails/{id}/: found, paged, and nobody else's."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from delivery.access import keys
from delivery.models import Email, Recipient, Tag, Team
from tests import fakes

pytestmark = pytest.mark.django_db
LOG = fakes.V1 + "emails/"
NOBODY = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture
def team(token: str) -> Team:
    return Team.objects.get(name="tests")


def store(
    team: Team | None, *, to: str = "ann@example.org", tags: tuple[str, ...] = (), **columns: Any
) -> Email:
    email = Email.objects.create(team=team, from_address="me@example.org", tags=list(tags), **columns)
    Recipient.objects.create(email=email, kind="to", address=to, canonical=to.lower())
    Tag.objects.bulk_create(Tag(email=email, name=name) for name in tags)
    return email


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [email["id"] for email in answer.json()["results"]]


def walk(api: fakes.Api, link: str) -> list[str]:
    """Return the ids on all pages from here on."""
    page = api.client.get(link, headers=api.headers).json()
    return [email["id"] for email in page["results"]] + (walk(api, page["next"]) if page["next"] else [])


def test_every_email_is_on_one_page_once_newest_first(api: fakes.Api, team: Team) -> None:
    expected = [str(store(team).pk) for _ in range(120)]
    for query in ("", "?page_size=7", "?page_size=200", "?page_size=100000"):
        assert walk(api, LOG + query) == sorted(expected, reverse=True)


def test_pages_are_walked_back_to_the_first(api: fakes.Api, team: Team) -> None:
    for _ in range(30):
        store(team)
    first = api.get("emails/", page_size=10).json()
    second = api.client.get(first["next"], headers=api.headers).json()
    assert api.client.get(second["previous"], headers=api.headers).json()["results"] == first["results"]


def test_an_email_that_comes_in_meanwhile_shifts_no_page(api: fakes.Api, team: Team) -> None:
    expected = sorted((str(store(team).pk) for _ in range(20)), reverse=True)
    first = api.get("emails/", page_size=10).json()
    store(team)
    assert walk(api, first["next"]) == expected[10:]


def test_each_filter_finds_its_emails(api: fakes.Api, team: Team) -> None:
    sent = store(team, status="sent", provider="ses", tags=("spring",), subject="Your order 55")
    failed = store(team, status="failed", to="bob@example.org", subject="Hello")
    assert ids(api.get("emails/", status="sent")) == [str(sent.pk)]
    assert ids(api.get("emails/", recipient="BOB@example.org")) == [str(failed.pk)]
    assert ids(api.get("emails/", provider="ses")) == [str(sent.pk)]
    assert ids(api.get("emails/", tag="spring")) == [str(sent.pk)]
    assert ids(api.get("emails/", q="order")) == [str(sent.pk)]
    assert ids(api.get("emails/", q=str(failed.pk))) == [str(failed.pk)]
    assert ids(api.get("emails/", q="bob@example.org")) == [str(failed.pk)]
    assert ids(api.get("emails/", status="sent", tag="spring", q="order")) == [str(sent.pk)]
    assert ids(api.get("emails/", status="failed", tag="spring")) == []


def test_emails_are_found_by_when_they_were_accepted(api: fakes.Api, team: Team) -> None:
    email = store(team)
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    for moment, after, before in [
        ((now - hour).isoformat(), 1, 0),
        ((now + hour).isoformat(), 0, 1),
        ("1969-12-31T23:59:59Z", 1, 0),
        ("0001-01-01T00:00:00Z", 1, 0),
        ("9999-12-31T23:59:59Z", 0, 1),
    ]:
        assert ids(api.get("emails/", created_after=moment)) == [str(email.pk)] * after
        assert ids(api.get("emails/", created_before=moment)) == [str(email.pk)] * before


def test_one_email_is_shown_whole_in_the_contracts_shape(api: fakes.Api, team: Team) -> None:
    email = store(team, subject="<script>alert(1)</script>", text_body="Hi")
    answer = api.get(f"emails/{email.pk}/")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["success"], body["message"], body["id"]) == (True, "The email", str(email.pk))
    (recipient,) = body["recipients"]
    assert (recipient["kind"], recipient["address"], recipient["status"]) == (
        "to",
        "ann@example.org",
        "pending",
    )
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/json", "nosniff")


HOSTILE = [
    *(
        "%00",
        "a%00b",
        "%ED%A0%80",
        "%ED%BF%BF",
        "%ff%fe",
        "%F4%90%80%80",
        "x" * 10_000,
        "%25" * 3000,
        "%C3%A4" * 3000,
    ),
    *(
        "'",
        "%27%20OR%201=1--",
        "%22",
        "%5C",
        "%25",
        "_",
        "%27);DROP%20TABLE%20delivery_email;--",
        "{{7*7}}",
        "$(id)",
    ),
    *(
        "",
        "%20",
        "%0d%0aX:%20y",
        "-1",
        "0",
        "null",
        "true",
        "[]",
        "{}",
        "a@b",
        "a@example.org%00",
        "%F0%9F%98%80",
        "*",
        '"a',
    ),
]
DATES = [
    *(
        "x",
        "2024-13-01",
        "2024-02-30T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "24:00",
        "99999-01-01T00:00:00Z",
        "1e400",
        "NaN",
    ),
    *(
        "0001-01-01T00:00:00%2B23:59",
        "9999-12-31T23:59:59-23:59",
        "2024-01-01T00:00:00",
        "2024-01-01",
        "9999-12-31T23:59:60Z",
    ),
]


@pytest.mark.parametrize(
    "name", ["status", "recipient", "provider", "tag", "q", "created_after", "created_before", "nonsense"]
)
def test_a_hostile_parameter_is_400_or_finds_nothing(api: fakes.Api, team: Team, name: str) -> None:
    api.client.raise_request_exception = False
    store(team)
    for value in HOSTILE + DATES:
        answer = api.client.get(f"{LOG}?{name}={value}", headers=api.headers)
        assert answer.status_code in {200, 400}, (value, answer.content)
        assert answer["Content-Type"] == "application/json"
        if answer.status_code == 400:
            assert answer.json()["success"] is False
            assert answer.json()["code"] == "invalid"


def cursor(text: bytes) -> str:
    return base64.b64encode(text).decode()


@pytest.mark.parametrize(
    "query",
    [
        *(
            f"page_size={size}"
            for size in ("abc", "0", "-1", "", "1.5", "%EF%BC%91", "9" * 5000, "1e3", "%00", "0x10", " 5")
        ),
        *(f"cursor={text}" for text in ("abc%00", "%ff", "%C3%A4", "a", "ab", "%ED%A0%80")),
        *(
            f"cursor={cursor(text)}"
            for text in (b"p=abc", b"p=\x00", b"o=-1", b"r=x", b"p=" + b"a" * 5000, b"p=%ff", b"o=x")
        ),
    ],
)
def test_a_cursor_or_page_size_that_cannot_be_is_400(api: fakes.Api, query: str) -> None:
    api.client.raise_request_exception = False
    answer = api.client.get(f"{LOG}?{query}", headers=api.headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["errors"]) == (
        400,
        "malformed_request",
        [],
    )


@pytest.mark.parametrize(
    ("query", "field", "code", "hint"),
    [
        ("ordering=team__keys__digest", "ordering", "unknown_field", ""),
        ("team=5", "team", "unknown_field", ""),
        ("id__gt=0", "id__gt", "unknown_field", ""),
        ("format=xml", "format", "unknown_field", ""),
        ("staus=sent", "staus", "unknown_field", " Did you mean status?"),
        ("created_aftr=2026-01-01", "created_aftr", "unknown_field", " Did you mean created_after?"),
        ("pagesize=5", "pagesize", "unknown_field", " Did you mean page_size?"),
        ("status=sent&status=failed", "status", "duplicate_field", ""),
        ("page_size=5&page_size=6", "page_size", "duplicate_field", ""),
        ("cursor=&cursor=", "cursor", "duplicate_field", ""),
    ],
)
def test_an_unknown_parameter_and_one_given_twice_are_refused_by_name(
    api: fakes.Api, query: str, field: str, code: str, hint: str
) -> None:
    answer = api.client.get(f"{LOG}?{query}", headers=api.headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert error["message"].endswith(hint or "path." if code == "unknown_field" else "twice.")


@pytest.mark.parametrize("name", ["not-a-uuid", "0", "%00", "%ED%A0%80", "'", "x" * 5000, "..", "%0A"])
def test_what_is_no_id_is_answered_like_one_that_is_not_there(api: fakes.Api, name: str) -> None:
    answer, nobodys = api.get(f"emails/{name}/"), api.get(f"emails/{NOBODY}/")
    assert (answer.status_code, answer.content) == (404, nobodys.content)


@pytest.fixture
def other(api: fakes.Api) -> fakes.Api:
    return fakes.Api(Client(), keys.issue("others", scopes=["send", "read"])[1])


def test_the_emails_of_another_team_are_nowhere(api: fakes.Api, other: fakes.Api, team: Team) -> None:
    email = store(team, status="sent", provider="ses", tags=("spring",), subject="secret")
    for query in (
        {},
        {"status": "sent"},
        {"recipient": "ann@example.org"},
        {"provider": "ses"},
        {"tag": "spring"},
        {"q": "secret"},
    ):
        assert ids(other.get("emails/", **query)) == []
        assert ids(api.get("emails/", **query)) == [str(email.pk)]
    for text in (str(email.pk), "ann@example.org"):
        assert ids(other.get("emails/", q=text)) == []
    position = cursor(f"p={email.pk}&r=1".encode())
    assert ids(other.client.get(f"{LOG}?cursor={position}", headers=other.headers)) == []


def told(answer: Any) -> dict[str, str]:
    """Return the headers, but for those that differ from request to request."""
    of_each = ("ratelimit", "x-request-id")
    return {name: value for name, value in answer.items() if not name.lower().startswith(of_each)}


def test_an_email_of_another_team_is_answered_like_one_that_is_not_there(
    other: fakes.Api, team: Team
) -> None:
    for email in (store(team), store(None)):
        theirs, nobodys = other.get(f"emails/{email.pk}/"), other.get(f"emails/{NOBODY}/")
        assert (theirs.status_code, theirs.content) == (404, nobodys.content)
        assert told(theirs) == told(nobodys)


def test_a_key_sees_nothing_of_what_was_sent_without_one(api: fakes.Api, token: str, settings: Any) -> None:
    settings.API_KEY_REQUIRED = False
    email = store(None)
    assert ids(api.get("emails/")) == []
    assert ids(fakes.Api(Client(), "").get("emails/")) == [str(email.pk)]


def test_a_key_that_may_only_send_reads_nothing(team: Team) -> None:
    sender = fakes.Api(Client(), keys.issue("sender", scopes=["send"])[1])
    for path in ("emails/", f"emails/{store(team).pk}/"):
        assert (sender.get(path).status_code, sender.get(path).json()["code"]) == (403, "scope_missing")
