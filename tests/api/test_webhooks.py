"""webhooks/: endpoints with their secret once, calls and replays, each team's own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from api.error_codes import FIELD
from delivery.access import keys
from delivery.models import ApiKey, Team, WebhookCall, WebhookEndpoint, WebhookMessage
from delivery.webhooks import endpoints, kinds, outbox
from delivery.webhooks.outbox import Notice
from tests import fakes
from tests.api.document import whole
from tests.delivery.webhooks import urls
from tests.delivery.webhooks.endpoints import endpoint as made_endpoint
from tests.delivery.webhooks.endpoints import message, posted
from tests.providers.fault_server import FaultServer

pytestmark = pytest.mark.django_db
URL = "https://93.184.215.14/hook"
SHOWN = {
    *("success", "message", "id", "url", "events", "description", "enabled", "disabled_reason"),
    *("failing_since", "created_at"),
}


def create(api: fakes.Api, **fields: Any) -> Any:
    return api.post("webhooks/", {"url": URL, **fields})


def created(api: fakes.Api, **fields: Any) -> WebhookEndpoint:
    response = create(api, **fields)
    assert response.status_code == 201, response.content
    return WebhookEndpoint.objects.get(pk=response.json()["id"])


def ask(api: fakes.Api, method: str, path: str, body: Any = None) -> Any:
    options = {"data": body, "content_type": "application/json"} if body is not None else {}
    return getattr(api.client, method)(fakes.V1 + path, headers=api.headers, **options)


def told(to: WebhookEndpoint, **fields: Any) -> WebhookCall:
    one = message(to, due_at=None, outcome="failed", **fields)
    return WebhookCall.objects.create(endpoint=to, message=one, status=500, answer="oh", ms=12)


def test_the_secret_is_shown_when_the_endpoint_is_made_and_never_again(api: fakes.Api) -> None:
    response = create(api, events=["email.sent", "email.sent"], description="shop")

    assert response.status_code == 201
    body = response.json()
    assert body.keys() == {*SHOWN, "secret", "previous_until"}
    assert body["secret"].startswith("whsec_")
    assert (body["events"], body["enabled"], body["description"]) == (["email.sent"], True, "shop")
    again = ask(api, "get", response.headers["Location"].removeprefix(fakes.V1))
    assert again.json().keys() == SHOWN
    (row,) = api.get("webhooks/").json()["results"]
    assert row.keys() == SHOWN - {"success", "message"}


def test_what_the_team_makes_is_told_of_the_teams_emails(api: fakes.Api) -> None:
    to = created(api)
    outbox.enqueue([Notice(kind="email.sent", team_id=to.team_id, data={})])

    assert WebhookMessage.objects.get().endpoint_id == to.pk


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"url": 5}, "url", "wrong_type"),
        ({"url": None}, "url", "required"),
        ({"url": "https://93.184.215.14/" + "x" * 2000}, "url", "too_long"),
        ({"events": "email.sent"}, "events", "wrong_type"),
        ({"events": ["email.sent", "email.sended"]}, "events[1]", "invalid_choice"),
        ({"events": ["webhook.test"]}, "events[0]", "invalid_choice"),
        ({"events": [{}]}, "events[0]", "invalid_choice"),
        ({"enabled": "true"}, "enabled", "wrong_type"),
        ({"description": "a\r\nb: c"}, "description", "control_character"),
        ({"secret": "whsec_mine"}, "secret", "unknown_field"),
    ],
)
def test_a_field_in_the_wrong_form_is_refused(
    fields: dict[str, Any], field: str, code: str, api: fakes.Api
) -> None:
    response = create(api, **fields)

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert code in FIELD
    assert not WebhookEndpoint.objects.exists()


def test_a_hostile_url_is_refused_when_it_is_made_and_when_it_is_changed(api: fakes.Api) -> None:
    to = created(api)
    for host in ("127.0.0.1", "2130706433", "[::1]", "[::ffff:7f00:1]", "169.254.169.254", "localhost"):
        for response in (
            create(api, url=f"https://{host}/"),
            ask(api, "patch", f"webhooks/{to.pk}/", {"url": f"https://{host}/"}),
        ):
            assert response.status_code == 400, host
            assert response.json()["errors"][0]["code"] == "url_not_allowed"
    assert [row.url for row in WebhookEndpoint.objects.all()] == [URL]
    assert len(urls.URLS) >= 80  # each of them in tests/delivery/webhooks/test_post.py


def test_an_endpoint_can_be_changed_and_its_description_taken_away(api: fakes.Api) -> None:
    to = created(api, description="old")
    new = {
        "url": "https://93.184.215.14/new",
        "events": ["email.failed"],
        "description": "",
        "enabled": False,
    }
    response = ask(api, "patch", f"webhooks/{to.pk}/", new)

    assert response.status_code == 200
    assert {name: response.json()[name] for name in new} == new
    to.refresh_from_db()
    assert {name: getattr(to, name) for name in new} == new


def test_one_that_gomail_switched_off_says_why_and_can_be_switched_on(api: fakes.Api) -> None:
    to = created(api)
    endpoints.switch_off(to, "It answered 410 Gone.")
    shown = ask(api, "get", f"webhooks/{to.pk}/").json()
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "It answered 410 Gone.")

    shown = ask(api, "patch", f"webhooks/{to.pk}/", {"enabled": True}).json()
    assert (shown["enabled"], shown["disabled_reason"]) == (True, "")


def test_a_deleted_endpoint_is_not_there_any_more(api: fakes.Api) -> None:
    to = created(api)
    assert ask(api, "delete", f"webhooks/{to.pk}/").status_code == 204
    assert ask(api, "delete", f"webhooks/{to.pk}/").status_code == 404
    assert api.get("webhooks/").json()["results"] == []


def test_a_rotation_answers_the_new_secret_and_how_long_the_old_one_signs(api: fakes.Api) -> None:
    first = create(api).json()
    rotated = ask(api, "post", f"webhooks/{first['id']}/rotate/").json()

    assert rotated["secret"] != first["secret"]
    until = datetime.fromisoformat(rotated["previous_until"])
    assert timedelta(hours=23.9) < until - timezone.now() < timedelta(hours=24.1)


def test_a_test_is_posted_by_a_worker_and_its_call_can_be_read(api: fakes.Api, receiver_url: str) -> None:
    to = created(api, url=receiver_url, events=["email.failed"])
    response = ask(api, "post", f"webhooks/{to.pk}/test/", {})
    assert response.status_code == 202
    posted(to)

    (call,) = api.get(f"webhooks/{to.pk}/calls/").json()["results"]
    assert (call["event"], call["message"], call["status"]) == ("webhook.test", response.json()["id"], 200)
    assert (call["outcome"], call["next_try_at"]) == ("delivered", None)


def test_calls_come_newest_first_in_pages(api: fakes.Api) -> None:
    to = created(api)
    made = [str(told(to).pk) for _ in range(5)]
    first = api.get(f"webhooks/{to.pk}/calls/", page_size=3).json()
    second = api.client.get(first["next"], headers=api.headers).json()

    assert [row["id"] for row in first["results"] + second["results"]] == made[::-1]
    assert first["message"] == "Calls, newest first"


def test_what_one_call_told_is_told_again_under_its_id(api: fakes.Api) -> None:
    to = created(api)
    call, other = told(to), told(to)
    response = ask(api, "post", f"webhooks/{to.pk}/calls/{call.pk}/replay/")

    assert (response.status_code, response.json()["count"]) == (202, 1)
    waiting = WebhookMessage.objects.filter(outcome="waiting")
    assert list(waiting.values_list("pk", flat=True)) == [call.message_id]
    assert other.message_id != call.message_id


def test_a_range_is_told_again_with_or_without_an_end_and_events(api: fakes.Api) -> None:
    to, noon = created(api), datetime(2026, 11, 28, 12, tzinfo=UTC)
    for hours in range(4):
        told(to, at=noon + timedelta(hours=hours), kind=("email.sent", "email.bounced")[hours % 2])
    span = {
        "since": (noon + timedelta(hours=1)).isoformat(),
        "until": (noon + timedelta(hours=3)).isoformat(),
    }
    path = f"webhooks/{to.pk}/replay/"

    assert ask(api, "post", path, {**span, "events": ["email.bounced"]}).json()["count"] == 1
    assert ask(api, "post", path, span).json()["count"] == 2
    assert ask(api, "post", path, {"since": "2026-01-01T00:00:00Z"}).status_code == 202
    assert ask(api, "post", path, {"until": span["until"]}).json()["errors"][0]["field"] == "since"


def test_to_one_that_is_off_nothing_is_tested_or_replayed(api: fakes.Api) -> None:
    to = created(api, enabled=False)
    call = told(to)
    for path in ("test/", f"calls/{call.pk}/replay/"):
        response = ask(api, "post", f"webhooks/{to.pk}/{path}")
        assert (response.status_code, response.json()["code"]) == (409, "webhook_off")


def test_the_fifty_first_is_refused(api: fakes.Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MOST", 1)
    created(api)
    response = create(api)

    assert (response.status_code, response.json()["code"]) == (409, "too_many_webhooks")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("patch", ""),
        ("delete", ""),
        ("post", "rotate/"),
        ("post", "test/"),
        ("get", "calls/"),
        ("post", "calls/{call}/replay/"),
        ("post", "replay/"),
    ],
)
def test_another_teams_endpoint_is_as_unknown_as_a_missing_one(
    method: str, path: str, api: fakes.Api
) -> None:
    theirs = made_endpoint(team=Team.objects.create(name="theirs"), url=URL)
    call = str(told(theirs).pk)
    body = {"since": "2026-01-01T00:00:00Z"} if path == "replay/" else {}
    answers = [
        ask(api, method, f"webhooks/{pk}/{path.replace('{call}', call)}", None if method == "get" else body)
        for pk in (theirs.pk, uuid4(), "no-id")
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    theirs.refresh_from_db()
    assert (theirs.deleted_at, theirs.enabled) == (None, True)
    assert not WebhookMessage.objects.filter(outcome="waiting").exists()


def test_a_call_of_another_endpoint_is_not_replayed(api: fakes.Api) -> None:
    one, other = created(api), created(api)
    response = ask(api, "post", f"webhooks/{one.pk}/calls/{told(other).pk}/replay/")

    assert response.status_code == 404


def test_the_list_has_ones_own_alone(api: fakes.Api) -> None:
    made_endpoint(team=Team.objects.create(name="theirs"))
    made_endpoint()
    mine = created(api)

    assert [row["id"] for row in api.get("webhooks/").json()["results"]] == [str(mine.pk)]


@pytest.mark.parametrize(
    ("scope", "read", "write"),
    [("webhooks.read", 200, 403), ("webhooks.write", 403, 202), ("read", 403, 403)],
)
def test_reading_and_changing_need_different_scopes(scope: str, read: int, write: int) -> None:
    _, token = keys.issue("shop", scopes=[scope])
    api = fakes.Api(Client(), token)
    to = made_endpoint(team=ApiKey.objects.get().team, url=URL)

    assert api.get(f"webhooks/{to.pk}/calls/").status_code == read
    assert ask(api, "post", f"webhooks/{to.pk}/test/").status_code == write


def test_an_unknown_parameter_is_refused(api: fakes.Api) -> None:
    assert api.get("webhooks/", evnts="x").json()["errors"][0]["code"] == "unknown_field"


def test_the_document_names_every_event() -> None:
    document = whole()
    request = document["components"]["schemas"]["NewEndpointRequest"]["properties"]
    assert request["events"]["items"].get("enum") or request["events"]["items"]["$ref"]
    assert all(name in str(document) for name in kinds.ALL)


@pytest.fixture
def receiver_url(settings: Any) -> Iterator[str]:
    """A receiver on loopback, where webhooks may go."""
    with FaultServer() as server:
        settings.GOMAIL_WEBHOOK_ALLOWED_NETS = (ip_network("127.0.0.0/8"),)
        settings.GOMAIL_WEBHOOK_PORTS = (server.port,)
        yield server.url
