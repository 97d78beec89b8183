"""What a client may write into a header."""

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
