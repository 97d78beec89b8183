"""Connects the events of a Mandrill account: a webhook, and the key that signs it.

Paths and shapes: https://github.com/mailchimp/mailchimp-client-lib-codegen, spec/transactional.openapi.json.
Mandrill asks the URL at once, by HEAD or a post of no events, and refuses one that does not answer 200.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from providers.configuration import Entry
from providers.connector import NoTestEvent, Step, Variable, Wish
from providers.mandrill import configure, errors
from providers.message import Message
from providers.wire.calls import Calls

_EVENTS = (
    "send", "deferral", "delivered", "hard_bounce", "soft_bounce", "reject", "spam", "unsub", "open", "click",
)  # fmt: skip

_Hook = Mapping[str, Any]


class Connector:
    """Connects one account."""

    takes_queue: ClassVar[bool] = False
    signs_url: ClassVar[bool] = True

    def __init__(self, entry: Entry) -> None:
        """Take the account's configuration; raise NotConfigured if it has no key."""
        config = configure.config(entry)
        self._entry, self._key = entry, config.api_key
        self._calls = Calls(
            name=entry.name,
            vendor="Mandrill",
            endpoint=config.endpoint(),
            words=errors.words,
            hide=[config.api_key],
            refuses_by_500=True,
        )

    def connect(self, wish: Wish) -> Iterator[Step | Variable]:
        """Yield the webhook, its events, and the key that signs it."""
        hook = self._hook(wish.url)
        what = f"the webhook for {wish.url}"
        yield wish.settle(what, lambda: self._ask("add", url=wish.url, **_wanted()), there=bool(hook))
        hook = hook or ({} if wish.dry else self._hook(wish.url))
        every = set(_EVENTS) <= {*(hook.get("events") or ())}
        yield wish.settle(f"its events: {', '.join(_EVENTS)}", lambda: self._update(hook), there=every)
        if key := str(hook.get("auth_key") or ""):
            known = key in self._entry.words("MANDRILL_EVENTS_KEY")
            yield Variable(name=self._entry.variable("MANDRILL_EVENTS_KEY"), value=key, is_set=known)

    def confirm(self, wish: Wish, posted: Iterable[Mapping[str, Any]]) -> bool:
        """Return True: Mandrill has asked the URL already."""
        return True

    def test(self, wish: Wish, message: Message, attempt_id: str) -> bool:
        """Have Mandrill ask the URL once more, then raise NoTestEvent: that brings no event."""
        self._update(self._hook(wish.url))
        raise NoTestEvent(
            "Mandrill has asked the address, which has answered; it has no test event. The first mail shows whether "
            "its events come: manage.py check_providers tells."
        )

    def _hook(self, url: str) -> _Hook:
        """Return the webhook for the URL; empty if there is none."""
        told = self._ask("list")
        hooks = told if isinstance(told, list) else []
        return next((hook for hook in hooks if isinstance(hook, dict) and hook.get("url") == url), {})

    def _update(self, hook: _Hook) -> None:
        self._ask("update", id=hook.get("id"), url=hook.get("url"), **_wanted())

    def _ask(self, call: str, **fields: object) -> Any:
        right = f"the call webhooks/{call}"
        return self._calls.send("POST", f"/webhooks/{call}.json", {"key": self._key, **fields}, right=right)


def _wanted() -> dict[str, object]:
    return {"description": "GoMail", "events": list(_EVENTS)}
