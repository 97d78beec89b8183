"""What a vendor was given is read from its own form, and each field that is not as asked is named."""

import base64
import json
import random
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from tests.faults import letters, mails

LETTER = {
    "to_addresses": ["ann@example.org"],
    "cc_addresses": ["bob@example.org"],
    "bcc_addresses": ["eve@example.org", "dan@example.org"],
    "subject": "Größe 1.0 is on its way, and has a subject that does not fit into one line of a header",
    "text_body": "Hello\nGrüße",
    "html_body": "<p>Grüße</p>",
    "attachments": [{"filename": "Rechnung für 1.bin", "content": base64.b64encode(b"\0\1").decode()}],
}


def ses(letter, **head):
    """Return a call of SES for this letter; `head` adds headers."""
    mime = EmailMessage(policy=SMTP)
    mime["To"], mime["Cc"] = ", ".join(letter["to_addresses"]), ", ".join(letter["cc_addresses"])
    mime["Subject"], mime["X-GoMail-ID"] = letter["subject"], "e1"
    for name, value in head.items():
        mime[name] = value
    mime.set_content(letter["text_body"], cte="quoted-printable")
    mime.add_alternative(letter["html_body"], subtype="html", cte="base64")
    for file in letter["attachments"]:
        content = base64.b64decode(file["content"])
        mime.add_attachment(content, "application", "octet-stream", filename=file["filename"])
    call = {
        "Content": {"Raw": {"Data": base64.b64encode(_without_last_break(mime)).decode()}},
        "Destination": {
            "ToAddresses": letter["to_addresses"],
            "CcAddresses": letter["cc_addresses"],
            "BccAddresses": letter["bcc_addresses"],
        },
        "EmailTags": [{"Name": "gomail_attempt", "Value": "a1"}],
    }
    return json.dumps(call)


def _without_last_break(mime):
    """The library ends every text with a line break, which nobody has written."""
    for part in mime.walk():
        if part.get_content_maintype() == "text":
            words = part.get_payload(decode=True).rstrip(b"\r\n")
            part.set_payload(base64.b64encode(words).decode())
            part.replace_header("Content-Transfer-Encoding", "base64")
    return mime.as_bytes()


def sendgrid(letter):
    boxes = {kind: [{"email": one} for one in letter[f"{kind}_addresses"]] for kind in ("to", "cc", "bcc")}
    call = {
        "personalizations": [boxes],
        "subject": letter["subject"],
        "content": [
            {"type": "text/plain", "value": letter["text_body"]},
            {"type": "text/html", "value": letter["html_body"]},
        ],
        "headers": {"X-GoMail-ID": "e1"},
        "custom_args": {"gomail_attempt": "a1"},
        "attachments": letter["attachments"],
    }
    return json.dumps(call)


FORMS = [(mails.of_ses, ses), (mails.of_sendgrid, sendgrid)]


@pytest.mark.parametrize(("read", "form"), FORMS)
def test_a_call_with_what_was_asked_is_read_as_the_letter(read, form):
    call = read(form(LETTER))
    assert (call.email, call.attempt) == ("e1", "a1")
    assert mails.differences(mails.of_letter(LETTER), call.mail) == []


@pytest.mark.parametrize(("read", "form"), FORMS)
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"bcc_addresses": ["eve@example.org"]}, ["bcc"]),
        ({"cc_addresses": []}, ["cc", "shown"]),
        ({"to_addresses": ["ann@example.com"]}, ["to", "shown"]),
        ({"subject": "Another"}, ["subject"]),
        ({"text_body": "Hello\nGruesse"}, ["text"]),
        ({"html_body": "<p>Gruesse</p>"}, ["html"]),
        ({"attachments": []}, ["files"]),
        ({"attachments": [LETTER["attachments"][0] | {"content": "AAA="}]}, ["files"]),
        ({"attachments": [LETTER["attachments"][0] | {"filename": "Rechnung.bin"}]}, ["files"]),
    ],
)
def test_what_is_not_as_asked_is_named(read, form, change, named):
    got = read(form(LETTER | change)).mail
    assert mails.differences(mails.of_letter(LETTER), got) == named


def test_a_hidden_copy_that_every_recipient_can_read_is_named():
    got = mails.of_ses(ses(LETTER, Bcc="eve@example.org, dan@example.org")).mail
    assert mails.differences(mails.of_letter(LETTER), got) == ["shown"]


def test_letters_differ_in_all_that_they_say():
    dice = random.Random(7)
    written = [letters.written(dice, str(n), f"Order {n}", "file", "stop") for n in range(50)]
    asked = [mails.of_letter(letter) for letter in written]
    assert len({mail.text for mail in asked}) == len({mail.files for mail in asked}) == 50
    assert 0 < sum(bool(mail.bcc) for mail in asked) < 50
    assert replace(asked[0], to=asked[1].to) != asked[0]
