"""What a client may write into a header."""

from collections.abc import Callable

import pytest

from delivery.content import headers


@pytest.mark.parametrize(
    "name", ["X-Campaign", "List-Unsubscribe", "In-Reply-To", "References", "Precedence", "X" * 76]
)
def test_a_header_of_the_clients_own_is_allowed(name: str) -> None:
    headers.check(name, "value, with: anything; else = <https://example.org/=?utf-8?q?x?=>")


@pytest.mark.parametrize("name", ["X-Campaign", "List-Id", "Organization", "Comments", "Keywords"])
def test_words_may_be_in_any_language(name: str) -> None:
    headers.check(name, "Frühling 😀 <list.example.org>")


@pytest.mark.parametrize(
    "name", ["List-Unsubscribe", "References", "in-reply-to", "Auto-Submitted", "FEEDBACK-ID"]
)
@pytest.mark.parametrize("value", ["<https://example.org/ü>", "ä", "<a@exämple.org>", "<a@b.c> 😀"])
def test_where_nobody_decodes_there_is_ascii_alone(name: str, value: str) -> None:
    with pytest.raises(
        headers.InvalidHeader, match=rf"at position \d+, and {name} is written in ASCII alone"
    ):
        headers.check(name, value)


@pytest.mark.parametrize("parted", [" ", "", "  "])
@pytest.mark.parametrize("count", [1, 25, 100, 250])
def test_a_thread_may_be_long(count: int, parted: str) -> None:
    headers.check(
        "References", parted.join(f"<ticket-{n}.reply.4f3a9c@support.example.org>" for n in range(count))
    )


def test_a_word_that_fits_into_no_line_is_refused() -> None:
    headers.check("List-Unsubscribe", f"<https://example.org/{'x' * 870}>")
    with pytest.raises(headers.InvalidHeader, match="without a blank"):
        headers.check("List-Unsubscribe", f"<https://example.org/{'x' * 890}>")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "From",
            "to",
            "CC",
            "Bcc",
            "Sender",
            "Reply-To",
            "Subject",
            "Date",
            "Message-ID",
            "Return-Path",
            "Received",
        ),
        *(
            "MIME-Version",
            "Content-Type",
            "content-foo",
            "DKIM-Signature",
            "ARC-Seal",
            "Resent-Bcc",
            "X-SES-TENANT",
        ),
        *("X-SMTPAPI", "X-SG-EID", "X-Mailgun-Tag", "X-MC-Tags", "X-GoMail-ID", "Delivered-To", "Errors-To"),
        *(
            "",
            " ",
            "X Y",
            "X:",
            "X\r\nBcc",
            "X\n",
            "X\x00",
            "Bcc\u200b",
            "Вcc",
            "X_Y",
            "X" * 77,
            "=?utf-8?q?Bcc?=",
        ),
    ],
)
def test_a_header_that_others_decide_by_is_refused(name: str) -> None:
    with pytest.raises(headers.InvalidHeader):
        headers.check(name, "value")


@pytest.mark.parametrize(
    "code", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xD800, 0xDBFF, 0xDC00, 0xDFFF]
)
def test_every_control_character_is_refused(code: int) -> None:
    with pytest.raises(headers.InvalidHeader, match=f"U\\+{code:04X}"):
        headers.refuse_controls(f"a{chr(code)}b")


def test_a_value_has_an_end() -> None:
    headers.check("X-A", "x " * (headers.MAX_VALUE // 2))
    with pytest.raises(headers.InvalidHeader, match=f"longer than {headers.MAX_VALUE}"):
        headers.check("X-A", "x " * (headers.MAX_VALUE // 2) + "x")


@pytest.mark.parametrize("form", [str, str.lower, str.upper, str.swapcase])
@pytest.mark.parametrize(
    "name",
    [
        *("X-MSYS-API", "X-MSYS-Metadata", "X-SparkPost-Options", "X-MJ-CustomID", "X-MJ-EventPayload"),
        *("X-MJ-TemplateID", "X-Mailjet-Campaign", "X-PM-Message-Stream", "X-PM-Tag", "X-PM-Metadata-order"),
        *("X-PM-Bounce-Type", "X-Mailin-custom", "X-Mailin-Tag", "X-Mailin-Template", "X-sib-id"),
        *("Apparently-To", "X-Envelope-To", "X-Envelope-From", "X-Envelope-Sender", "Envelope-To"),
        *("Rcpt-To", "X-Rcpt-To", "X-Original-To", "Original-Recipient", "X-Delivered-To", "X-Bcc", "X-Cc"),
        *("X-Failed-Recipients", "X-Errors-To", "Bounces-To", "Return-Receipt-To", "Read-Receipt-To"),
        *(
            "Disposition-Notification-To",
            "X-Confirm-Reading-To",
            "Resent-To",
            "Resent-From",
            "X-Mandrill-Tags",
        ),
        *("X-Amz-Meta", "X-SES-CONFIGURATION-SET", "X-ElasticEmail-Postback", "X-Smtp2go-Bcc", "X-UNIONE"),
        *(
            "X-APIHEADER",
            "X-MT-Category",
            "X-MailerSend-Tags",
            "X-MailPace-Tags",
            "X-Emailit-ID",
            "X-SMTPCOM-Tags",
        ),
        *("Resend-Idempotency-Key", "X-VirtualMTA", "X-PMTA-Job", "X-GreenArrow-MtaID", "X-KumoRef"),
        *("X-MS-Exchange-Organization-SCL", "X-smtpeter-tags", "X-DynectEmail-Tag", "X-Msys-Api"),
    ],
)
def test_an_order_to_a_relay_is_refused_in_any_case(name: str, form: Callable[[str], str]) -> None:
    with pytest.raises(headers.InvalidHeader, match="orders"):
        headers.check(form(name), "value")


@pytest.mark.parametrize(
    "name",
    [
        "X-Entity-Ref-ID",
        "X-PMS",
        "X-Mjolnir",
        "X-Msystem",
        "X-MTA",
        "X-Sibling",
        "Organization",
        "Feedback-ID",
    ],
)
def test_a_name_that_only_begins_alike_is_allowed(name: str) -> None:
    headers.check(name, "value")
