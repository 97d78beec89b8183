"""Programs that send a first email, with this address: on a key's page, the dashboard, in docs/keys.md.

They take the key from the variable GOMAIL_KEY, so that none stands in a source file.
"""

import re
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.template import Context
from django.template.loader import get_template
from django.urls import reverse

from delivery.content import addresses
from delivery.models import ApiKey

VARIABLE: Final = "GOMAIL_KEY"
LANGUAGES: Final = {"curl": "curl", "python": "Python", "node": "Node", "php": "PHP", "go": "Go"}
_ANY_SENDER: Final = "shop@example.org"
# An address that stands in a string of each language as it is.
_PLAIN: Final = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """One program."""

    name: str  # of its language
    text: str


def of_key(request: HttpRequest, key: ApiKey) -> list[Snippet]:
    """Return those that send from an address that the key may use."""
    rule = next(iter(key.from_addresses), "")
    return here(request, f"me{rule}" if rule.startswith("@") else rule)


def here(request: HttpRequest, sender: str = "") -> list[Snippet]:
    """Return those for the host that was asked; without a sender from the default one."""
    return written(request.build_absolute_uri(reverse("send-email")), sender or _default())


def written(url: str, sender: str) -> list[Snippet]:
    """Return those for an address of the API; a sender that would have to be quoted is replaced by an example."""
    given = {"url": url, "sender": sender if _PLAIN.fullmatch(sender) else _ANY_SENDER}
    return [Snippet(name=name, text=_text(word, given)) for word, name in LANGUAGES.items()]


def _text(word: str, given: dict[str, str]) -> str:
    template = get_template(f"delivery/programs/{word}.txt").template  # type: ignore[attr-defined]
    rendered: str = template.render(Context(given, autoescape=False))
    return "" + rendered  # what is rendered counts as HTML, and this is none


def _default() -> str:
    written = settings.DEFAULT_FROM_EMAIL
    return addresses.mailbox(written).address if written else _ANY_SENDER
