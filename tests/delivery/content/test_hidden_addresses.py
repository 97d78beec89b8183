"""Addresses in a vendor's words are hidden from those whose mail the words are not about."""

import time

import pytest

from delivery.content import addresses


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("not verified: bob@example.org", "not verified: [address]"),
        ("<Bob.O'Neil+x@example.org>: 451 later", "<[address]>: 451 later"),
        ("to=bob@example.org, ann@example.org;", "[address], [address];"),
        ("GET /identities/bob%40example.org?x", "GET [address]"),
        ("mailto:bob@example.org", "mailto:[address]"),
        ('"bob smith"@example.org is bad', "[address] is bad"),
        ("bob@[10.0.0.1] is bad", "[address] is bad"),
        ("büro@exämple.org is bad", "[address] is bad"),
        ("bob&#64;example.org is bad", "[address] is bad"),
        ("The quota is used up, 5 of 5 @ noon.", "The quota is used up, 5 of 5 @ noon."),
        ("ses: sending is paused. Resume it.", "ses: sending is paused. Resume it."),
    ],
)
def test_whatever_its_form_an_address_is_hidden_and_the_rest_is_not(words: str, shown: str) -> None:
    assert addresses.hidden(words) == shown


def test_a_long_text_costs_no_time() -> None:
    begun = time.monotonic()
    for text in ("a" * 4000, '"' * 4000, '"a' * 2000, "a@" * 2000, "%4" * 2000):
        addresses.hidden(text)
    assert time.monotonic() - begun < 5
