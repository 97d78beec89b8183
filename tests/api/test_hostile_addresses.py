"""Two hundred generated addresses: each goes to exactly the mailbox that was named, or nowhere."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.wire import SENDER, Service, as_form, as_json

pytestmark = pytest.mark.django_db

PIECES = st.sampled_from(
    [
        *(
            "a",
            "b.c",
            "evil.example",
            "example.org",
            "xn--mnchen-3ya.de",
            "münchen.de",
            "exаmple.org",
            "@",
            "@@",
            " ",
            ",",
            ";",
            ":",
        ),
        *(
            "<",
            ">",
            '"',
            "\\",
            "(",
            ")",
            "[127.0.0.1]",
            "\r\n",
            "\x00",
            "\t",
            "%",
            "!",
            "=?utf-8?q?",
            "?=",
            "\u200b",
            "\u202e",
            "。",
        ),
        *("Ann", "RCPT TO:", "+tag", "-", "_", ".", "\ud800", "é", "e\u0301", "ｅ"),
    ]
)
MAILBOXES = st.one_of(
    st.lists(PIECES, max_size=8).map("".join),
    st.lists(PIECES, max_size=4).map(lambda pieces: f"{''.join(pieces)}@example.org"),
    st.lists(PIECES, max_size=4).map(lambda pieces: f"a@{''.join(pieces)}.org"),
    st.lists(PIECES, max_size=5).map(lambda pieces: f"{''.join(pieces)} <a@example.org>"),
)


@given(
    st.lists(MAILBOXES, min_size=1, max_size=3),
    st.sampled_from(["to_addresses", "cc_addresses", "bcc_addresses", "reply_to"]),
)
@settings(
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_generated_mailboxes_are_written_to_or_refused(
    service: Service, boxes: list[str], field: str
) -> None:
    fields: dict[str, Any] = {
        "from_address": SENDER,
        "to_addresses": ["ann@example.org"],
        "subject": "Hello",
        field: boxes,
    }
    service.change_vendor()
    for formatted in (as_json, as_form):
        assert service.problems(*formatted(fields), fields) == ""
