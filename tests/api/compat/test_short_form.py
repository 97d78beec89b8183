"""POST /email: the second origin's contract."""

import json
from email.header import decode_header, make_header
from email.utils import parseaddr
from typing import Any

import pytest

from delivery.access import keys
from delivery.models import Email
from tests.api import payloads
from tests.api.wire import FORM, Service, canonical

pytestmark = pytest.mark.django_db
FIELDS = {
    "to": "ann@example.org",
    "to_name": "Ann Lee",
    "from": "me@example.org",
    "from_name": "Me, Myself",
    "subject": "Hello",
    "body": "<h1>Hi</h1>",
}


def post(service: Service, fields: Any) -> Any:
    return service.post(json.dumps(fields).encode(), "application/json", "/email")


def test_six_fields_make_a_mail(service: Service) -> None:
    answer = post(service, FIELDS)
    assert (answer.status_code, answer.json()) == (200, {"message": "Email sent to recipients"})
    (mail,) = service.ses.arrived()
    assert mail.recipients == {"ann@example.org"}
    assert mail.mime["From"] == '"Me, Myself" <me@example.org>'
    assert mail.mime["To"] == "Ann Lee <ann@example.org>"
    assert mail.mime.get_body(["plain"]).get_content() == "Hi\r\n"


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("absent", [True, False])
def test_a_missing_field_is_named(service: Service, name: str, absent: bool) -> None:
    fields = {key: value for key, value in FIELDS.items() if key != name} | ({} if absent else {name: None})
    answer = post(service, fields)
    assert answer.status_code == 400
    assert answer.json() == {"message": f"Incoming payload is missing the required field, {name}."}


def test_the_first_missing_field_is_named(service: Service) -> None:
    assert post(service, {}).json() == {"message": "Incoming payload is missing the required field, to."}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"5", b"\xff", b"{'to': 1}", b'{"to":NaN}', b"[" * 10_000]
)
def test_what_is_not_json_is_said_to_be_not_json(service: Service, body: bytes) -> None:
    answer = service.post(body, "application/json", "/email")
    missing = {"message": "Incoming payload is missing the required field, to."}
    assert answer.status_code == 400
    assert answer.json() == (missing if body == b"" else {"message": "JSON data is not valid."})


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    "value", [5, True, [], {}, "", " ", "nobody", "a\r\nBcc: victim@evil.example", "a\x00b", "x" * 3_000_000]
)
def test_a_field_of_another_form_is_an_answer_of_one_message(service: Service, name: str, value: Any) -> None:
    answer = post(service, FIELDS | {name: value})
    assert answer.status_code in {200, 400, 413}
    assert list(answer.json()) == ["message"]
    is_sent = answer.status_code == 200
    mails = service.ses.arrived()
    assert (Email.objects.count(), len(mails)) == (is_sent, is_sent)
    for mail in mails:
        assert mail.recipients == {"ann@example.org"}
        assert mail.mime["Bcc"] is None


@pytest.mark.parametrize("text", [text for text in payloads.LITERAL if len(text) < 250])
def test_any_printable_name_arrives_as_it_is(service: Service, text: str) -> None:
    assert post(service, FIELDS | {"to_name": text, "from_name": text}).status_code == 200
    (mail,) = service.ses.arrived()
    assert [box.addr_spec for box in mail.mime["To"].addresses] == ["ann@example.org"]
    assert [box.addr_spec for box in mail.mime["From"].addresses] == ["me@example.org"]
    raw = dict(mail.mime.raw_items())[
        "To"
    ]  # the newer parser of Python 3.11 puts spaces between encoded words
    assert str(make_header(decode_header(parseaddr(raw)[0]))) == text.strip()


@pytest.mark.parametrize("address", payloads.ADDRESSES)
def test_an_ambiguous_recipient_is_refused_or_written_to(service: Service, address: str) -> None:
    answer = post(service, FIELDS | {"to": address})
    assert answer.status_code in {200, 400}
    mails = service.ses.arrived()
    assert len(mails) == (answer.status_code == 200)
    for mail in mails:
        (recipient,) = mail.recipients
        assert recipient.lower() == canonical(address.strip())


def test_other_formats_and_methods_are_answered_in_the_same_shape(service: Service) -> None:
    assert list(service.post(b"x", FORM, "/email").json()) == ["message"]
    answer = service.client.get("/email", headers=service.headers)
    assert (answer.status_code, list(answer.json())) == (405, ["message"])
    assert "POST" in answer["Allow"]


def test_the_same_keys_are_asked_for(service: Service) -> None:
    service.headers = {}
    answer = post(service, FIELDS)
    assert (answer.status_code, list(answer.json()), answer["WWW-Authenticate"]) == (
        401,
        ["message"],
        "Bearer",
    )
    _, token = keys.issue("shop", scopes=["send"], from_addresses=["@shop.example"])
    service.headers = {"Authorization": f"Bearer {token}"}
    assert post(service, FIELDS).status_code == 403
    assert Email.objects.count() == 0
