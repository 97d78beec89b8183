"""Django email backends from an allowlist, mainly those of django-anymail: Postmark, Resend, Brevo and more.

Django is imported only when it is used. Not on the list: backends that GoMail supports better itself (SES, SendGrid),
and those that deliver nothing.
"""

import contextlib
import os
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from providers.base import Limits
from providers.django import errors, messages, readiness
from providers.django.messages import LIMITS, OWN
from providers.errors import AccountProblem, ProviderError, RecipientsRefused, Refused
from providers.message import Message, Receipt
from providers.mime import build
from providers.readiness import NoTestMode, Readiness
from providers.smtp import readiness as smtp_readiness
from providers.wire import domains, http, words

ALLOWED = re.compile(
    r"anymail\.backends\.(?!base|test|console|amazon_ses|sendgrid)\w+\.EmailBackend"
    r"|django\.core\.mail\.backends\.(smtp|console|filebased|locmem)\.EmailBackend"
)

_SECRET = re.compile("pass|secret|key|token", re.IGNORECASE)
_REFUSED = frozenset({"invalid", "rejected", "failed"})  # anymail's statuses


@dataclass(frozen=True, kw_only=True)
class Config:
    """One backend and its options."""

    name: str = "django"
    backend: str  # dotted path of the class, ALLOWED
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # such as api_key
    timeouts: http.Timeouts = field(default_factory=http.Timeouts)
    connections: int = 32  # kept open at most

    @property
    def is_anymail(self) -> bool:
        """Whether it takes metadata and tags, and returns a status for each recipient."""
        return self.backend.startswith("anymail.")

    @property
    def delivers(self) -> bool:
        """Whether mail is delivered, not only written to the console, a file or memory."""
        return self.is_anymail or self.backend.endswith("smtp.EmailBackend")

    @property
    def limits(self) -> Limits:
        """Its limits; a private address of the API reaches private names as well."""
        if not self.is_anymail:
            return OWN
        return replace(LIMITS, special_use_domains=domains.leads_near(str(self.options.get("api_url", ""))))

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the class; without a timeout anymail waits 30 s, Django for ever."""
        limits = self.timeouts
        timed = self.is_anymail or self.backend.endswith("smtp.EmailBackend")
        timeout = {"timeout": (limits.connect, limits.read) if self.is_anymail else limits.read}
        return {**(timeout if timed else {}), **self.options}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values never to quote: any of a backend's options may be a key, a short one if its name says so."""
        texts = {name: value for name, value in self.options.items() if isinstance(value, str)}
        return tuple(value for name, value in texts.items() if len(value) > 7 or _SECRET.search(name))


class DjangoBackend:
    """One Django email backend with its options."""

    type: ClassVar[str] = "django"

    def __init__(self, config: Config) -> None:
        """Configure the backend, opening no connection; raise `AccountProblem` if it is not on the list."""
        if not ALLOWED.fullmatch(config.backend):
            raise AccountProblem(
                f"{config.backend!r} is not a backend that GoMail uses", code="configuration"
            )
        self.name = config.name
        self.limits = config.limits
        self._config = config
        self._idle: deque[Any] = deque()
        self._owner = os.getpid()

    def __repr__(self) -> str:
        """Show the backend without its options."""
        return f"DjangoBackend({self.name!r}, {self._config.backend!r})"

    def verify(self) -> None:
        """Raise `AccountProblem` unless the backend can be instantiated; opens no connection."""
        errors.foreign()  # imported now: it must be at hand when the machine has no file left to open
        self._new()

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message once; raise a ProviderError if not accepted."""
        build.verify(message)
        email = (
            messages.described(message, attempt_id) if self._config.is_anymail else messages.built(message)
        )
        backend = self._connected()
        try:
            count = backend.send_messages([email])
        except errors.foreign() as error:
            backend.close()
            # Not chained: the error contains the request, and with it a key.
            raise self._failure(error, email, message) from None
        self._keep(backend)
        if not count:
            raise Refused(f"{self.name}: the backend has sent nothing.", code="0")
        return self._receipt(email)

    def rehearse(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message if the backend delivers nothing; else verify it and raise `NoTestMode`."""
        if not self._config.delivers:
            return self.send(message, attempt_id)
        build.verify(message)
        self.verify()
        raise NoTestMode(
            f"{self.name}: {self._config.backend} has no test mode. The message was looked at and not handed over."
        )

    def check(self, senders: Sequence[str]) -> Readiness:
        """Tell what can be known without sending. Raises nothing."""
        config = self._config
        failure = self._failure_to_open()
        if failure:
            return smtp_readiness.closed(failure, senders, self.name)
        if not config.delivers:
            return readiness.of_development(self.name, config.backend, senders)
        if config.is_anymail:
            return readiness.of_vendor(self.name, config.backend, senders)
        return readiness.of_server(self.name, senders, smtp_readiness.UNTOLD)

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()

    def _failure_to_open(self) -> ProviderError | None:
        try:
            backend = self._new()
        except ProviderError as error:
            return error
        try:
            if self._config.delivers:  # the file backend would create a file
                backend.open()
        except errors.foreign() as error:
            return errors.unopened(self.name, error, self._config.secrets)
        finally:
            with contextlib.suppress(*errors.foreign()):
                backend.close()
        return None

    def _failure(self, error: Exception, email: Any, message: Message) -> ProviderError:
        statuses = getattr(getattr(email, "anymail_status", None), "recipients", {})
        refused = {address: one.status for address, one in statuses.items()}
        quotable = words.quotable(message)
        return errors.classified(self.name, error, refused, self._config.secrets, quotable)

    def _receipt(self, email: Any) -> Receipt:
        statuses = getattr(getattr(email, "anymail_status", None), "recipients", {})
        refused = {address: one.status for address, one in statuses.items() if one.status in _REFUSED}
        if statuses and len(refused) == len(statuses):
            raise RecipientsRefused(f"{self.name} refused: {refused}", code="recipients")
        ids = [one.message_id for address, one in statuses.items() if address not in refused]
        return Receipt(provider=self.name, message_id=next(filter(None, ids), ""), refused=refused)

    def _connected(self) -> Any:
        if self._owner != os.getpid():  # after a fork the connections belong to the parent
            self._idle, self._owner = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            backend = self._new()
            if self._config.is_anymail:
                backend.open()
                backend.session.headers["Accept-Encoding"] = "identity"
            return backend

    def _new(self) -> Any:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.mail import get_connection

        try:
            return get_connection(self._config.backend, **self._config.arguments)
        except (ImproperlyConfigured, ImportError, TypeError, ValueError) as error:
            words = http.said(str(error), self._config.secrets)
            raise AccountProblem(f"{self.name}: {words}", code="configuration") from None
        except OSError as error:  # its module cannot be read
            raise errors.unopened(self.name, error, self._config.secrets) from None

    def _keep(self, backend: Any) -> None:
        """Keep anymail's HTTP session; an SMTP connection could be closed meanwhile without Django noticing."""
        if self._config.is_anymail and len(self._idle) < self._config.connections:
            self._idle.append(backend)
        else:
            backend.close()
