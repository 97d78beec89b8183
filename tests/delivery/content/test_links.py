"""Tokens of unsubscribe links: only ours, each in one spelling."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from uuid import UUID

import pytest

from delivery.content import bodies, links
from delivery.db import ids

KEY, OLDER, OTHER = ("a" * 32, "b" * 32, "c" * 32)
EMAIL = UUID("01930000-0000-7000-8000-000000000001")


@pytest.fixture(autouse=True)
def _set_up(settings: Any) -> None:
    settings.GOMAIL_PUBLIC_URL, settings.GOMAIL_LINK_KEYS = "https://mail.example.org", (KEY,)


def token() -> str:
    return links.url(EMAIL).removeprefix("https://mail.example.org/u/")


def test_a_link_is_short_and_leads_back_to_its_email() -> None:
    assert len(token()) == 43
    assert links.read(token()) == EMAIL


def raw(token: str) -> bytes:
    return urlsafe_b64decode(f"{token}=")


def spelt(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def hostile(token: str) -> list[str]:
    """Return thirty texts that are no token, most of them close to one."""
    flipped = [bytearray(raw(token)) for _ in range(8)]
    for place, content in zip((0, 6, 8, 15, 16, 20, 30, 31), flipped, strict=True):
        content[place] ^= 1
    spare = [token[:-1] + letter for letter in "ABCDEFGH" if token[-1] != letter]
    return [
        *(spelt(bytes(content)) for content in flipped),
        *spare[:4],
        *(f"{token}=", f"{token}==", f"{token}A", f"A{token}", token[:-1], token[1:], token[:-1] + "=", ""),
        *(
            token.upper(),
            token.lower(),
            token.swapcase(),
            token[:20] + "+" + token[21:],
            token[:20] + "/" + token[21:],
        ),
        *(
            f"{token}\n",
            f" {token}",
            token[:20] + "\0" + token[21:],
            token.replace(token[0], "Ａ", 1),
            "A" * 43,
            "é" * 43,
        ),
        *(
            spelt(EMAIL.bytes + bytes(16)),
            spelt(bytes(16) + raw(token)[16:]),
            str(EMAIL),
            "../" + token,
            "A" * 5000,
        ),
    ]


def test_thirty_hostile_tokens_are_none() -> None:
    texts = hostile(token())
    assert len(set(texts)) >= 30
    assert [text for text in texts if text != token() and links.read(text) is not None] == []
    assert token() not in texts


def test_exactly_one_spelling_is_valid() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert [letter for letter in alphabet if links.read(token()[:-1] + letter)] == [token()[-1]]


def test_a_key_is_replaced_and_older_links_go_on_until_theirs_is_gone(settings: Any) -> None:
    settings.GOMAIL_LINK_KEYS = (OLDER,)
    old = token()
    settings.GOMAIL_LINK_KEYS = (KEY, OLDER)
    assert (links.read(old), links.read(token())) == (EMAIL, EMAIL)
    assert token() != old
    settings.GOMAIL_LINK_KEYS = (KEY,)
    assert links.read(old) is None
    settings.GOMAIL_LINK_KEYS = ()
    assert links.read(token_of(KEY)) is None


def token_of(key: str) -> str:
    return links._token(EMAIL, key)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("GOMAIL_PUBLIC_URL", "", "GOMAIL_PUBLIC_URL is not set"),
        ("GOMAIL_PUBLIC_URL", "http://mail.example.org", "must begin with https://"),
        ("GOMAIL_PUBLIC_URL", "https:///x", "must begin with https://"),
        ("GOMAIL_PUBLIC_URL", "https://me@mail.example.org", "must begin with https://"),
        ("GOMAIL_PUBLIC_URL", "https://mail.example.org?x", "must begin with https://"),
        ("GOMAIL_LINK_KEYS", (), "GOMAIL_LINK_KEYS is not set"),
        ("GOMAIL_LINK_KEYS", (KEY, "short"), "fewer than 32 characters"),
    ],
)
def test_what_is_missing_is_said(settings: Any, name: str, value: Any, told: str) -> None:
    setattr(settings, name, value)
    with pytest.raises(links.NotSetUp, match=told):
        links.url(EMAIL)


def test_one_click_is_offered_over_https_alone(settings: Any) -> None:
    assert list(links.headers("https://x.example/u/t").items()) == [
        ("List-Unsubscribe", "<https://x.example/u/t>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]
    settings.DEBUG, settings.GOMAIL_PUBLIC_URL = True, "http://127.0.0.1:8000"
    link = links.url(ids.uuid7())
    assert links.headers(link) == {"List-Unsubscribe": f"<{link}>"}


def test_a_link_in_html_reaches_the_text_that_is_made_of_it() -> None:
    html = '<p>Bye</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>'
    text = bodies.text_of(html)
    assert (
        links.put_into_text(text, "https://x.example/u/t") == "Bye\n\nUnsubscribe (https://x.example/u/t)\n"
    )
    assert links.put_into_html(html, "https://x.example/u/t?a&b").endswith(
        '"https://x.example/u/t?a&amp;b">Unsubscribe</a>'
    )


def test_a_body_of_mail_without_a_link_stays_as_it_is() -> None:
    assert links.put_into_text("{{ unsubscribe_url }}", "") == "{{ unsubscribe_url }}"
