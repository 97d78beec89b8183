"""Mailgun, API version 3: our MIME is a file in a form, with the envelope and the options as fields."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar
from urllib.parse import quote

from providers.base import Limits, Metadata, Tags
from providers.mailgun import errors, readiness
from providers.message import Message, Receipt
from providers.mime import build
from providers.readiness import Readiness
from providers.wire import body, domains, http
from providers.wire.inquiry import Inquiry


def _bytes_of_variables(values: Mapping[str, str]) -> int:
    return sum(len(f"v:{name}{value}".encode("utf-8", "replace")) for name, value in values.items())


# https://documentation.mailgun.com: 25 MB, 1,000 recipients, three tags of 128 ASCII characters, and 16 kB of o: and
# v: fields together, names included, of which tags take half a kB.
LIMITS = Limits(
    max_bytes=25_000_000,
    max_recipients=1000,
    tags=Tags(most=3, longest=128, form=re.compile(r"[ -~]+")),
    metadata=Metadata(most=1000, most_bytes=14_500, measure=_bytes_of_variables),
)
# Headers to leave out, where recipients could read the variables. X-Mailgun-Sid stays: Mailgun needs it for complaints.
_SUPPRESSED = "X-Mailgun-Variables,X-Mailgun-Tag"

Field = tuple[str, str]  # name and value of a form field

# Processed and counted like any other message, and not delivered.
# https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/test-mode
_REHEARSAL: Field = ("o:testmode", "yes")

# https://documentation.mailgun.com/docs/mailgun/user-manual/tracking-messages: over the domain's own settings.
_UNTRACKED: list[Field] = [("o:tracking", "no"), ("o:tracking-clicks", "no"), ("o:tracking-opens", "no")]


@dataclass(frozen=True, kw_only=True)
class Config:
    """One sending domain of a Mailgun account."""

    name: str = "mailgun"
    api_key: str = field(repr=False)
    domain: str
    base_url: str = "https://api.mailgun.net"  # https://api.eu.mailgun.net for domains in Europe
    timeouts: http.Timeouts = field(default_factory=http.Timeouts)
    connections: int = http.KEPT

    @property
    def credentials(self) -> str:
        """The credentials of the Authorization header."""
        return b64encode(f"api:{self.api_key}".encode()).decode()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values never to quote, plain and encoded."""
        return (self.api_key, self.credentials)

    def endpoint(self, *, longest: int = http.LONGEST_ANSWER) -> http.Endpoint:
        """Return connections to the account, which read so many bytes of an answer; none is opened yet."""
        return http.Endpoint(
            self.name,
            self.base_url,
            timeouts=replace(self.timeouts, longest=longest),
            connections=self.connections,
            headers={"Authorization": f"Basic {self.credentials}"},
        )


class Mailgun:
    """One sending domain of a Mailgun account."""

    type: ClassVar[str] = "mailgun"

    def __init__(self, config: Config) -> None:
        """Configure the account; no connection is opened yet."""
        self.name = config.name
        self.limits = replace(LIMITS, special_use_domains=domains.leads_near(config.base_url))
        self._config = config
        self._endpoint = config.endpoint()

    def __repr__(self) -> str:
        """Show the account without its key."""
        return f"Mailgun({self.name!r}, domain={self._config.domain!r})"

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message once; raise a ProviderError if not accepted."""
        return self._post(_fields(message, attempt_id), message)

    def rehearse(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message in the test mode, so that it is not delivered; raises as send does."""
        return self._post([_REHEARSAL, *_fields(message, attempt_id)], message)

    def check(self, senders: Sequence[str]) -> Readiness:
        """Tell whether mail from these addresses would be accepted now. Sends nothing, raises nothing."""
        return readiness.check(
            self.questions(seconds=self._config.timeouts.total), self._config.domain, senders
        )

    def questions(self, *, seconds: float) -> Inquiry:
        """Return questions to the account, the last of which begins after so many seconds at most."""
        return Inquiry(self.name, self._endpoint.get, seconds=seconds, hide=self._config.secrets)

    def close(self) -> None:
        """Close all connections."""
        self._endpoint.close()

    def _post(self, fields: Iterable[Field], message: Message) -> Receipt:
        boundary = body.token()
        request = _form(fields, message, boundary)
        path = f"/v3/{quote(self._config.domain, safe='')}/messages.mime"
        answer = self._endpoint.post(path, f"multipart/form-data; boundary={boundary}", request)
        message_id = _message_id(answer)
        if not message_id:
            raise errors.classified(self.name, answer, self._config.secrets)
        return Receipt(provider=self.name, message_id=message_id)


def _fields(message: Message, attempt_id: str) -> list[Field]:
    """Return all fields but the mail. The `to` fields are the envelope, whatever the MIME says."""
    addresses = dict.fromkeys(box.address for box in message.recipients)
    return [*(("to", address) for address in addresses), *_options(message, attempt_id)]


def _form(fields: Iterable[Field], message: Message, boundary: str) -> body.Body:
    token = body.token()
    file = f'{_disposition("message")}; filename="message.eml"\r\nContent-Type: message/rfc822\r\n\r\n{token}'
    parts = [*(f"{_disposition(name)}\r\n\r\n{value}" for name, value in fields), file]
    form = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
    return body.assemble(form.encode("utf-8", "replace"), {token: build.chunks(message)})


def _options(message: Message, attempt_id: str) -> list[Field]:
    ours = {"gomail_attempt": attempt_id, "gomail_email": message.id}
    variables = LIMITS.metadata.fitting(ours, message.metadata)
    return [
        ("o:suppress-headers", _SUPPRESSED),
        *([] if message.tracked else _UNTRACKED),
        *(("o:tag", tag) for tag in LIMITS.tags.fitting(message.tags)),
        *((f"v:{name}", value) for name, value in variables.items()),
    ]


def _disposition(name: str) -> str:
    """Return a part's Content-Disposition; quotes and line ends in the name are escaped as browsers do."""
    name = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    return f'Content-Disposition: form-data; name="{name}"'


def _message_id(answer: http.Answer) -> str:
    """Return the id in the form of Mailgun's events, without <>; empty unless the message was accepted."""
    try:
        found = json.loads(answer.body)["id"] if answer.status == 200 else ""
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return found.strip("<>") if isinstance(found, str) else ""
