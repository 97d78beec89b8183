"""The limits of JSON hold at every door that reads a body, also for JSON inside a form's field."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from delivery.models import Email
from tests import fakes
from tests.api.wire import FORM, form, part

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]

V1, UNKNOWN = fakes.V1, "0192a0c0-0000-7000-8000-000000000000"
DOORS: dict[str, tuple[str, str]] = {
    "send": ("post", f"{V1}send-email/"),
    "send-mail": ("post", f"{V1}send-mail/"),
    "dry run": ("post", f"{V1}send-email/?dry_run=true"),
    "batch": ("post", f"{V1}batches/"),
    "reschedule": ("patch", f"{V1}emails/{UNKNOWN}/"),
    "short form": ("post", "/email"),
}
BOMBS: dict[str, str] = {
    "deep lists": "[" * 100_000,
    "deep lists, closed": "[" * 40 + "]" * 40,
    "deep objects": '{"a":' * 100_000,
    "deep objects, closed": '{"a":' * 40 + "1" + "}" * 40,
    "deep and mixed": '[{"a":' * 30 + "1" + "}]" * 30,
    "many keys": json.dumps({f"k{number}": 1 for number in range(2_001)}),
    "many values": json.dumps({"a": [1] * 20_001}),
    "many lists": '{"a":[' + ",".join(["[]"] * 20_001) + "]}",
    "a key twice": '{"a": 1, "a": 2}',
    "a long integer": '{"a": 1' + "0" * 20 + "}",
    "a very long integer": '{"a": 1' + "0" * 400 + "}",
    "an absurd integer": '{"a": 1' + "0" * 5_000 + "}",
    "a negative one": '{"a": -1' + "0" * 400 + "}",
    "beyond a double": '{"a": 1e400}',
    "NaN": '{"a": NaN}',
    "Infinity": '{"a": -Infinity}',
    "U+0000": '{"a": "\\u0000"}',
    "half a pair": '{"a": "\\ud800"}',
    "half a pair in a key": '{"\\udc00": 1}',
    "not closed": '{"a": "b',
    "two documents": "{} {}",
    "a comment": "{} // yes",
}
IN_FORMS = ("headers", "metadata", "tags", "to_addresses")


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("door", DOORS)
def test_it_is_refused_at_every_door(token: str, door: str, bomb: str) -> None:
    answer = knock(token, door, BOMBS[bomb])

    assert answer.status_code in {400, 413}, answer.content[:200]
    assert answer.json()["message"]
    assert not Email.objects.exists()


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("field", IN_FORMS)
def test_it_is_refused_in_a_field_of_a_form(token: str, field: str, bomb: str) -> None:
    fields = {
        "from_address": "me@example.org",
        "to_addresses": "ann@example.org",
        "subject": "x",
        "body": "x",
    }
    body = form(
        part(f'form-data; name="{name}"', text.encode())
        for name, text in {**fields, field: BOMBS[bomb]}.items()
    )
    answer = sender(token)(f"{V1}send-email/", body, FORM)

    assert answer.status_code in {400, 403, 413}, answer.content[:200]
    assert not Email.objects.exists()


def knock(token: str, door: str, body: str) -> Any:
    verb, path = DOORS[door]
    client = Client(raise_request_exception=False)
    send: Callable[..., Any] = getattr(client, verb)
    return send(path, body, content_type="application/json", headers={"Authorization": f"Bearer {token}"})


def sender(token: str) -> Callable[[str, bytes, str], Any]:
    client = Client(raise_request_exception=False)
    headers = {"Authorization": f"Bearer {token}"}
    return lambda path, body, kind: client.post(path, body, content_type=kind, headers=headers)
