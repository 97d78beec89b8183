import json
from base64 import b64decode

import pytest

from providers.errors import AccountProblem, NotAccepted, Refused
from providers.message import Attachment, Mailbox, file_of_bytes
from providers.sendgrid import adapter
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, ID, file, letter, noise


@pytest.fixture
def provider(server):
    server.default = faults.answer(202, b"", {"X-Message-Id": "sg-1"})
    provider = adapter.SendGrid(adapter.Config(api_key="SG.key", base_url=server.url))
    yield provider
    provider.close()


@pytest.fixture
def sent(server, provider):
    """Send a message and return what SendGrid got."""

    def send(**changes):
        provider.send(letter(**changes), ATTEMPT)
        return server.received[-1].json()

    return send


def test_the_request_is_posted_with_the_key(server, provider):
    receipt = provider.send(letter(), ATTEMPT)
    request = server.received[0]
    assert (request.method, request.path) == ("POST", "/v3/mail/send")
    assert request.headers["authorization"] == "Bearer SG.key"
    assert (receipt.provider, receipt.message_id) == ("sendgrid", "sg-1")


def test_a_plain_letter_is_described_in_full(sent):
    assert sent() == {
        "from": {"email": "shop@example.org", "name": "Shop"},
        "personalizations": [{"to": [{"email": "ann@example.com", "name": "Ann"}]}],
        "subject": "Your order",
        "content": [{"type": "text/plain", "value": "It is on its way.\n"}],
        "headers": {"X-GoMail-ID": ID},
        "custom_args": {"gomail_attempt": ATTEMPT, "gomail_email": ID},
    }


def test_text_stands_before_html(sent):
    assert [part["type"] for part in sent(html="<p>")["content"]] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("text", "html", "types"), [("", "", [("text/plain", " ")]), ("", "<p>", [("text/html", "<p>")])]
)
def test_content_is_never_empty(sent, text, html, types):
    assert [(part["type"], part["value"]) for part in sent(text=text, html=html)["content"]] == types


def test_a_text_that_begins_like_a_key_is_sent(sent):
    assert sent(text="SG.abc.def is no key")["content"][0]["value"].startswith("SG.abc.def")


def test_copies_go_to_everybody_once(sent):
    boxes = [Mailbox(address=address) for address in ("a@example.com", "b@example.com", "c@example.com")]
    again = Mailbox(address="A@example.com")
    envelope = sent(to=(boxes[0], again), cc=(boxes[1], again), bcc=(boxes[2], boxes[1]))["personalizations"][
        0
    ]
    assert {kind: [box["email"] for box in found] for kind, found in envelope.items()} == {
        "to": ["a@example.com"], "cc": ["b@example.com"], "bcc": ["c@example.com"],
    }  # fmt: skip


def test_replies_go_where_the_message_says(sent):
    assert sent(reply_to=(Mailbox(address="r@example.org"),))["reply_to_list"] == [{"email": "r@example.org"}]


def test_metadata_cannot_replace_our_ids(sent):
    arguments = sent(metadata={"order": "42", "gomail_attempt": "forged"})["custom_args"]
    assert arguments == {"order": "42", "gomail_attempt": ATTEMPT, "gomail_email": ID}


def test_ten_different_tags_become_categories(sent):
    assert sent(tags=("a", "a", *map(str, range(20))))["categories"] == ["a", *map(str, range(9))]


def test_headers_are_encoded(sent):
    assert sent(headers={"X-Campaign": "Frühling"})["headers"]["X-Campaign"] == "=?utf-8?b?RnLDvGhsaW5n?="


@pytest.mark.parametrize("size", [0, 1, 2, 57 * 1024, 300_001])
def test_a_file_arrives_byte_for_byte(sent, size):
    part = sent(attachments=(file(noise(size), "ü.pdf", "application/pdf"), file(b"two")))["attachments"]
    assert [b64decode(one["content"]) for one in part] == [noise(size), b"two"]
    assert (part[0]["filename"], part[0]["type"], part[0]["disposition"]) == (
        "ü.pdf",
        "application/pdf",
        "attachment",
    )


def test_an_inline_image_keeps_its_content_id(sent):
    logo = file_of_bytes(b"png", filename="logo.png", content_type="image/png", content_id="logo")
    part = sent(html="<img src='cid:logo'>", attachments=(logo,))["attachments"][0]
    assert (part["disposition"], part["content_id"]) == ("inline", "logo")


@pytest.mark.parametrize(
    ("subject", "sent_as"), [("", " "), ("   ", " "), ("\u3000", " "), (" a ", " a "), ("0", "0")]
)
def test_an_empty_subject_is_a_blank(sent, subject, sent_as):
    assert sent(subject=subject)["subject"] == sent_as


def test_a_doubled_reply_to_is_named_once_in_its_first_form(sent):
    boxes = [Mailbox(address=address) for address in ("R@example.org", "b@example.org", "r@example.org")]
    listed = sent(reply_to=tuple(boxes))["reply_to_list"]
    assert [box["email"] for box in listed] == ["R@example.org", "b@example.org"]


def test_the_last_metadata_is_left_out_when_there_is_too_much(sent):
    metadata = {f"k{number:02}": "Щ" * 255 for number in range(20)}
    arguments = sent(metadata=metadata)["custom_args"]
    assert set(arguments) - set(metadata) == {"gomail_attempt", "gomail_email"}
    assert set(arguments) & set(metadata) == set(list(metadata)[:18])
    assert len(json.dumps(arguments, ensure_ascii=False).encode()) <= 10_000


def test_a_type_has_no_semicolon(sent):
    files = file(b"x", "a.csv", "text/csv; charset=utf-8"), file(b"x", "b", "multipart/mixed; boundary=x")
    types = [one["type"] for one in sent(attachments=files)["attachments"]]
    assert types == ["text/csv", "application/octet-stream"]


CALENDAR = "BEGIN:VCALENDAR\r\nSUMMARY:Tisch für zwei\r\n"


@pytest.mark.parametrize(("charset", "kinds"), [
    ("utf-8", ["text/plain", "text/calendar"]), ("iso-8859-1", ["text/plain", "text/calendar"]),
    ("nonsense", ["text/plain"]),
])  # fmt: skip
def test_an_invitation_stands_behind_the_text_where_it_can_be_read(sent, charset, kinds):
    data = CALENDAR.encode("utf-8" if charset == "nonsense" else charset)
    kind = f"text/calendar; method=REQUEST; charset={charset}"
    request = sent(attachments=(file(data, "invite.ics", kind),))
    assert [part["type"] for part in request["content"]] == kinds
    assert {part["value"] for part in request["content"][1:]} <= {CALENDAR}
    assert b64decode(request["attachments"][0]["content"]) == data


def test_a_file_that_the_html_does_not_show_is_an_attachment(sent):
    invoice = file_of_bytes(b"%PDF", filename="a.pdf", content_type="application/pdf", content_id="mytext")
    part = sent(html="<p>", attachments=(invoice,))["attachments"][0]
    assert (part["disposition"], "content_id" in part) == ("attachment", False)


def test_202_without_an_id_is_a_receipt_without_an_id(server, provider):
    server.script(faults.answer(202))
    assert provider.send(letter(), ATTEMPT).message_id == ""


def test_a_redirect_is_not_followed(server, provider):
    server.script(faults.redirect(f"{server.url}/elsewhere"))
    with pytest.raises(AccountProblem):
        provider.send(letter(), ATTEMPT)
    assert len(server.received) == 1


def test_n_mails_take_one_connection(server, provider):
    for _ in range(5):
        provider.send(letter(), ATTEMPT)
    assert (len(server.received), server.connections) == (5, 1)


@pytest.mark.parametrize(
    "changes",
    [{"headers": {"X-Any": "a\r\nBcc: x@evil.test"}}, {"subject": "a\nb"},
     {"headers": {"Bcc": "x@evil.test"}},
     {"bcc": (Mailbox(address="a@b.cd,x@evil.test"),)}, {"text": "\ud800"}, {"html": "\ud800"}],
)  # fmt: skip
def test_what_no_mail_can_hold_is_refused_unsent(server, provider, changes):
    with pytest.raises(Refused):
        provider.send(letter(**changes), ATTEMPT)
    assert not server.received


def test_a_file_that_cannot_be_read_is_not_sent(server, provider):
    def missing():
        raise FileNotFoundError

    broken = Attachment(filename="a", content_type="a/b", size=1, open=missing)
    with pytest.raises(NotAccepted):
        provider.send(letter(attachments=(broken,)), ATTEMPT)
    assert not server.received


def test_no_repr_shows_the_key(provider):
    assert "SG.key" not in json.dumps([repr(provider), repr(provider._config), repr(vars(provider))])
