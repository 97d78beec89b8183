"""Connects the events of a Mailgun domain: one webhook for all kinds of events, and the key that signs it.

Paths and shapes: https://github.com/mailgun/mailgun-mcp-server, src/openapi.yaml: GET /v3/domains/{domain}/webhooks,
POST and PUT /v4/domains/{domain}/webhooks, GET /v5/accounts/http_signing_key. Mailgun looks the URL's host up at once.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from providers.configuration import Entry
from providers.connector import Step, Variable, Wish
from providers.errors import AccountProblem
from providers.mailgun import configure, errors
from providers.mailgun.adapter import Mailgun
from providers.message import Message
from providers.wire.calls import Calls

_EVENTS = (
    "accepted", "delivered", "temporary_fail", "permanent_fail", "complained", "unsubscribed", "opened", "clicked",
)  # fmt: skip
_KEY = "an account key (Admin or Developer); a domain's sending key may only send"
_WHERE = "Mailgun's API Security page, HTTP webhook signing key"


class Connector:
    """Connects one sending domain."""

    takes_queue: ClassVar[bool] = False
    signs_url: ClassVar[bool] = False

    def __init__(self, entry: Entry) -> None:
        """Take the domain's configuration; raise NotConfigured if it lacks a key or a domain."""
        self._entry, self._config = entry, configure.config(entry)
        self._path = f"/domains/{quote(self._config.domain, safe='')}/webhooks"
        self._calls = Calls(
            name=entry.name,
            vendor="Mailgun",
            endpoint=self._config.endpoint(),
            words=_words,
            hide=self._config.secrets,
        )

    def connect(self, wish: Wish) -> Iterator[Step | Variable]:
        """Yield the webhook for all events, and the key that signs it."""
        found = self._events_of(wish.url)
        method = "PUT" if found else "POST"
        what = f"the webhook of {self._config.domain} for {wish.url}: {', '.join(_EVENTS)}"
        yield wish.settle(what, lambda: self._make(method, wish.url), there=found >= set(_EVENTS))
        yield self._signing_key()

    def confirm(self, wish: Wish, posted: Iterable[Mapping[str, Any]]) -> bool:
        """Return True: Mailgun does not ask."""
        return True

    def test(self, wish: Wish, message: Message, attempt_id: str) -> bool:
        """Have Mailgun take a mail in its test mode: it is not delivered, and its events are told."""
        Mailgun(self._config).rehearse(message, attempt_id)
        return True

    def _events_of(self, url: str) -> set[str]:
        told = self._calls.get(f"/v3{self._path}", right=_KEY)
        hooks = told.get("webhooks") if isinstance(told, dict) else None
        found = hooks.items() if isinstance(hooks, dict) else ()
        return {kind for kind, hook in found if isinstance(hook, dict) and url in (hook.get("urls") or ())}

    def _make(self, method: str, url: str) -> None:
        fields = [("url", url), *(("event_types", kind) for kind in _EVENTS)]
        self._calls.send_form(method, f"/v4{self._path}", fields, right=_KEY)

    def _signing_key(self) -> Variable:
        """Return the account's key. It is never made here: a new one would silence the account's other webhooks."""
        configured = self._entry.words("MAILGUN_EVENTS_SIGNING_KEY")
        try:
            told = self._calls.get("/v5/accounts/http_signing_key", right=_KEY)
            key = str(told.get("http_signing_key") or "") if isinstance(told, dict) else ""
        except AccountProblem:
            key = ""
        return Variable(
            name=self._entry.variable("MAILGUN_EVENTS_SIGNING_KEY"),
            value=key,
            is_set=key in configured if key else bool(configured),
            where=_WHERE,
        )


def _words(answer: bytes) -> str:
    """Return the text of a refusal; version 4 has it as a reason."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return ""
    fields = found if isinstance(found, dict) else {}
    told = (fields.get(name) for name in ("Reason", "reason", "Description"))
    return errors.message(answer) or next((word for word in told if isinstance(word, str)), "")
