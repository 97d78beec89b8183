"""Connects the events of a SendGrid account: a signed Event Webhook.

Paths and shapes: https://github.com/twilio/sendgrid-oai, spec/json/tsg_webhooks_v3.json.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from providers.configuration import Entry
from providers.connector import State, Step, Variable, Wish
from providers.errors import AccountProblem
from providers.message import Message
from providers.sendgrid import configure, errors
from providers.wire.calls import Calls, Invalid, NotFound

_SETTINGS, _TEST = "/v3/user/webhooks/event/settings", "/v3/user/webhooks/event/test"
_READ, _WRITE = "user.webhooks.event.settings.read", "user.webhooks.event.settings.update"

_EVENTS = (
    "processed", "deferred", "delivered", "bounce", "dropped", "spam_report", "unsubscribe", "group_unsubscribe",
    "group_resubscribe", "open", "click",
)  # fmt: skip
# SendGrid answers with it, and does not list it among what it takes.
_ACCOUNT = "account_status_change"

_Hook = Mapping[str, Any]


class Connector:
    """Connects one account."""

    takes_queue: ClassVar[bool] = False
    signs_url: ClassVar[bool] = False

    def __init__(self, entry: Entry) -> None:
        """Take the account's configuration; raise NotConfigured if it has no key."""
        config = configure.config(entry)
        self._entry, self._variable = entry, entry.variable("SENDGRID_EVENTS_PUBLIC_KEY")
        self._calls = Calls(
            name=entry.name,
            vendor="SendGrid",
            endpoint=config.endpoint(),
            words=lambda answer: errors.words_of(errors.errors_of(answer)),
            hide=[config.api_key],
        )

    def connect(self, wish: Wish) -> Iterator[Step | Variable]:
        """Yield the webhook, its events, and its signature."""
        hook, made = self._hook(wish), dict[str, Any]()
        what = f"the Event Webhook for {wish.url}"
        yield wish.settle(what, lambda: made.update(self._make(wish)), there=bool(hook))
        yield from self._switched_on(wish, hook or made)
        yield from self._signed(wish, hook or made)

    def confirm(self, wish: Wish, posted: Iterable[Mapping[str, Any]]) -> bool:
        """Return True: SendGrid does not ask."""
        return True

    def test(self, wish: Wish, message: Message, attempt_id: str) -> bool:
        """Have SendGrid post its sample events, which have ids of no attempt."""
        hook = self._hook(wish)
        if not hook:
            raise AccountProblem(f"{self._entry.name}: there is no Event Webhook for {wish.url}.")
        right = "the scope user.webhooks.event.test.create"
        self._calls.send("POST", _TEST, {"id": hook.get("id"), "url": wish.url}, right=right)
        return False

    def _hook(self, wish: Wish) -> _Hook:
        """Return the webhook for the URL; empty if there is none."""
        return next((hook for hook in self._hooks() if hook.get("url") == wish.url), {})

    def _hooks(self) -> list[_Hook]:
        told = self._calls.get(f"{_SETTINGS}/all", right=f"the scope {_READ}")
        listed = told.get("webhooks") if isinstance(told, dict) else None
        return [hook for hook in listed or [] if isinstance(hook, dict)]

    def _make(self, wish: Wish) -> _Hook:
        fields = {"friendly_name": "GoMail", "url": wish.url, **_wanted()}
        told = self._calls.send("POST", _SETTINGS, fields, right=f"the scope {_WRITE}")
        hook = told if isinstance(told, dict) and "id" in told else self._hook(wish)
        if not hook:
            raise AccountProblem(f"{self._entry.name}: SendGrid took the Event Webhook and does not list it.")
        return {"url": wish.url, **hook}

    def _switched_on(self, wish: Wish, hook: _Hook) -> Iterator[Step]:
        on = all(hook.get(name) is True for name in _wanted())
        yield wish.settle(
            f"its events: {', '.join(_EVENTS)}", lambda: self._change(hook, _wanted()), there=on
        )
        news = f"its news of the account ({_ACCOUNT})"
        try:
            yield wish.settle(news, lambda: self._subscribe(hook), there=hook.get(_ACCOUNT) is True)
        except Invalid:
            yield Step(
                what=f"{news}: switch it on in Settings, Mail Settings, Event Webhooks", state=State.OPEN
            )

    def _subscribe(self, hook: _Hook) -> None:
        """Ask for news of the account; raise Invalid if SendGrid refuses that here, or passes over it."""
        if self._change(hook, _wanted() | {_ACCOUNT: True}).get(_ACCOUNT) is not True:
            raise Invalid(f"SendGrid has not switched on {_ACCOUNT}.")

    def _change(self, hook: _Hook, fields: Mapping[str, bool]) -> _Hook:
        told = self._calls.send(
            "PATCH", _path(hook), {"url": hook["url"], **fields}, right=f"the scope {_WRITE}"
        )
        return told if isinstance(told, dict) else {}

    def _signed(self, wish: Wish, hook: _Hook) -> Iterator[Step | Variable]:
        known = [self._key(hook)]
        yield wish.settle("its signature", lambda: known.append(self._sign(hook)), there=bool(known[0]))
        if key := known[-1]:
            is_set = key in self._entry.words("SENDGRID_EVENTS_PUBLIC_KEY")
            yield Variable(name=self._variable, value=key, is_set=is_set)

    def _key(self, hook: _Hook) -> str:
        """Return the public key by which its posts are verified; empty if they are not signed."""
        try:
            return (
                _public_key(self._calls.get(_path(hook, "signed"), right=f"the scope {_READ}"))
                if hook
                else ""
            )
        except NotFound:
            return ""

    def _sign(self, hook: _Hook) -> str:
        return _public_key(
            self._calls.send("PATCH", _path(hook, "signed"), {"enabled": True}, right=f"the scope {_WRITE}")
        )


def _public_key(told: Any) -> str:
    return str(told.get("public_key") or "") if isinstance(told, dict) else ""


def _wanted() -> dict[str, bool]:
    return {"enabled": True, **dict.fromkeys(_EVENTS, True)}


def _path(hook: _Hook, part: str = "") -> str:
    """Return the path of a webhook; the oldest one of an account may have no id."""
    return "/".join(filter(None, (_SETTINGS, part, hook.get("id"))))
