"""Unsubscribe links. A token is the id of an email and the proof that we made it; no address, and it never ends.

An email that has such a link has one recipient. There is exactly one spelling of each token: what differs from it in
spare bits or padding is none.
"""

import hashlib
import hmac
import html
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

SHORTEST_KEY: Final = 32  # characters
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes in Base64 without padding
_ID_BYTES = 16
_LITERAL: Final = "\ue000"  # before what reads like the place of a link, and is somebody's data
_NAME: Final = "unsubscribe_url"
_PLACE = re.compile(rf"{_LITERAL}?\{{\{{\s*{_NAME}\s*\}}\}}")  # in a body
_PURPOSE = b"gomail unsubscribe 1:"  # the keys may come to sign other things, too


class NotSetUp(Exception):
    """An unsubscribe link cannot be made; the message says what is missing."""


def url(email: UUID) -> str:
    """Return the link of an email; raise NotSetUp."""
    if missing := trouble():
        raise NotSetUp(missing)
    return f"{settings.GOMAIL_PUBLIC_URL}/u/{_token(email, settings.GOMAIL_LINK_KEYS[0])}"


def read(token: str) -> UUID | None:
    """Return the email of a token that one of our keys has made; None for any other text."""
    if not _TOKEN.fullmatch(token):
        return None
    email = UUID(bytes=urlsafe_b64decode(f"{token}=")[:_ID_BYTES])
    made = [hmac.compare_digest(_token(email, key), token) for key in settings.GOMAIL_LINK_KEYS]
    return email if any(made) else None


def trouble() -> str:
    """Return why no links can be made; empty when they can."""
    if not settings.GOMAIL_PUBLIC_URL:
        return "GOMAIL_PUBLIC_URL is not set, and an unsubscribe link leads there."
    if not settings.GOMAIL_LINK_KEYS:
        return "GOMAIL_LINK_KEYS is not set, and unsubscribe links are signed by them."
    if min(map(len, settings.GOMAIL_LINK_KEYS)) < SHORTEST_KEY:
        return f"GOMAIL_LINK_KEYS holds a key of fewer than {SHORTEST_KEY} characters."
    parts = urlsplit(settings.GOMAIL_PUBLIC_URL)
    secure = parts.scheme == "https" or (settings.DEBUG and parts.scheme == "http")
    if not secure or not parts.hostname or parts.query or parts.fragment or parts.username:
        return "GOMAIL_PUBLIC_URL must begin with https:// and name a host: unsubscribe links need HTTPS."
    return ""


def headers(link: str) -> Mapping[str, str]:
    """Return the two headers of RFC 8058; over HTTP, in development, one click is not offered: nobody would take it."""
    if not link:
        return {}
    one_click = {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return {"List-Unsubscribe": f"<{link}>", **(one_click if link.startswith("https:") else {})}


def put_into_text(body: str, link: str) -> str:
    """Return a text with the link where it says {{ unsubscribe_url }}, but in data; without a link it says so still."""
    return _PLACE.sub(lambda found: _put(found[0], link), body) if _NAME in body else body


def put_into_html(body: str, link: str) -> str:
    """Return the HTML with the link where it says {{ unsubscribe_url }}."""
    return put_into_text(body, html.escape(link))


def kept_apart(body: str) -> str:
    """Return a body in which whatever reads like the place of a link is none: it came with somebody's data."""
    return _PLACE.sub(lambda found: _LITERAL + found[0], body) if _NAME in body else body


def has_place(*bodies: str) -> bool:
    """Tell whether a link is put into one of these bodies."""
    places = (found[0] for body in bodies for found in _PLACE.finditer(body))
    return any(not place.startswith(_LITERAL) for place in places)


def _put(place: str, link: str) -> str:
    return place.removeprefix(_LITERAL) if place.startswith(_LITERAL) or not link else link


def _token(email: UUID, key: str) -> str:
    proof = hmac.new(key.encode(), _PURPOSE + email.bytes, hashlib.sha256).digest()
    return urlsafe_b64encode(email.bytes + proof[:_ID_BYTES]).decode().rstrip("=")
