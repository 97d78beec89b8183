"""Twilio SendGrid, API version 3. The vendor's package builds the request, wire.http sends it.

The package's own client has no timeout, opens a connection for each mail, and takes a redirect for success.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar

from sendgrid.helpers import mail as helpers

from providers.base import Limits, Metadata, Tags
from providers.errors import Refused, Unknown
from providers.message import Attachment, Mailbox, Message, Receipt
from providers.mime import build, content_types, headers, parts
from providers.readiness import Readiness
from providers.sendgrid import errors, readiness
from providers.wire import body, domains, http
from providers.wire.inquiry import Inquiry

# https://github.com/twilio/sendgrid-oai, spec/json/tsg_mail_v3.json: what has a minLength, a maxItems or uniqueItems;
# https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors: the types that may hold no semicolon.
LIMITS = Limits(
    max_bytes=30_000_000,
    max_recipients=1000,
    empty_files=False,
    needs_to=True,
    blank_subject=" ",
    type_parameters=False,
    tags=Tags(most=10, longest=255),
    metadata=Metadata(most=10_000, most_bytes=10_000),
)
_LARGEST_CALENDAR = 1_000_000  # bytes of an invitation that stands beside the text

# https://www.twilio.com/docs/sendgrid/for-developers/sending-email/sandbox-mode: the request is validated and
# answered with 200; nothing is delivered, no event follows, no credit is used.
_REHEARSAL: Mapping[str, Any] = MappingProxyType({"mail_settings": {"sandbox_mode": {"enable": True}}})
# Subscription tracking would put SendGrid's own address into List-Unsubscribe, click tracking would rewrite the link.
# https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send: tracking_settings
_UNTRACKED: Mapping[str, Any] = MappingProxyType(
    {
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
        }
    }
)
_LIVE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Config:
    """One SendGrid account."""

    name: str = "sendgrid"
    api_key: str = field(repr=False)
    base_url: str = "https://api.sendgrid.com"
    timeouts: http.Timeouts = field(default_factory=http.Timeouts)
    connections: int = http.KEPT

    def endpoint(self, *, longest: int = http.LONGEST_ANSWER) -> http.Endpoint:
        """Return connections to the account, which read so many bytes of an answer; none is opened yet."""
        return http.Endpoint(
            self.name,
            self.base_url,
            timeouts=replace(self.timeouts, longest=longest),
            connections=self.connections,
            headers={"Authorization": f"Bearer {self.api_key}"},
        )


class SendGrid:
    """One SendGrid account."""

    type: ClassVar[str] = "sendgrid"

    def __init__(self, config: Config) -> None:
        """Configure the account; no connection is opened yet."""
        self.name = config.name
        self.limits = replace(LIMITS, special_use_domains=domains.leads_near(config.base_url))
        self._config = config
        self._endpoint = config.endpoint()
        self._lists = config.endpoint(longest=readiness.LONGEST)

    def __repr__(self) -> str:
        """Show the account without its key."""
        return f"SendGrid({self.name!r})"

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message once; raise a ProviderError if not accepted."""
        answer = self._post(_body(message, attempt_id, _LIVE))
        if answer.status != 202:  # 200 is the sandbox mode, or not SendGrid's answer
            raise errors.classified(self.name, answer, [self._config.api_key])
        return self._receipt(answer)

    def rehearse(self, message: Message, attempt_id: str) -> Receipt:
        """Have a message validated in the sandbox mode, without sending it; raises as send does."""
        answer = self._post(_body(message, attempt_id, _REHEARSAL))
        if answer.status == 202:
            raise Unknown(f"{self.name} accepted a rehearsed message as a real one.", code="202")
        if not errors.rehearsed(answer):
            raise errors.classified(self.name, answer, [self._config.api_key])
        return self._receipt(answer)

    def check(self, senders: Sequence[str]) -> Readiness:
        """Tell whether mail from these addresses would be accepted now. Sends nothing, raises nothing."""
        return readiness.check(self.questions(seconds=self._config.timeouts.total), senders)

    def questions(self, *, seconds: float) -> Inquiry:
        """Return questions to the account, the last of which begins after so many seconds at most."""
        return Inquiry(self.name, self._lists.get, seconds=seconds, hide=[self._config.api_key])

    def close(self) -> None:
        """Close all connections."""
        self._endpoint.close()
        self._lists.close()

    def _post(self, request: body.Body) -> http.Answer:
        return self._endpoint.post("/v3/mail/send", "application/json", request)

    def _receipt(self, answer: http.Answer) -> Receipt:
        return Receipt(provider=self.name, message_id=answer.headers.get("X-Message-Id", ""))


def _body(message: Message, attempt_id: str, settings: Mapping[str, Any]) -> body.Body:
    """Return the request; replacing tokens by the files takes a fifth of the helpers' time."""
    build.verify(message)
    sorted_out = parts.of(message)
    shown = {file.content_id for file in sorted_out.inline}
    files = {body.token(): file for file in message.attachments}
    mail = _mail(message, attempt_id)
    for token, file in reversed(files.items()):  # the package adds in front
        mail.add_attachment(_attachment(token, file, inline=file.content_id in shown))
    # The package's Content raises for any text that begins like an API key.
    fields = mail.get() | {"content": _contents(message, sorted_out.invitation)} | settings
    fields |= {} if message.tracked else _UNTRACKED
    try:
        template = json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Refused("The message contains half a character (a lone surrogate).") from error
    return body.assemble(template, {token: _encoded(file) for token, file in files.items()})


def _encoded(file: Attachment) -> Iterator[bytes]:
    yield from body.in_base64(body.content(file))


def _mail(message: Message, attempt_id: str) -> Any:
    mail = helpers.Mail(_email(helpers.From, message.sender), subject=_subject(message.subject))
    mail.add_personalization(_personalization(message))
    if message.reply_to:
        once: dict[str, Mailbox] = {}
        for box in message.reply_to:
            once.setdefault(box.address.lower(), box)
        mail.reply_to_list = [_email(helpers.ReplyTo, box) for box in once.values()]
    for name, value in {**message.headers, build.ID_HEADER: message.id}.items():
        mail.add_header(helpers.Header(name, _ascii(name, value)))
    ours = {"gomail_attempt": attempt_id, "gomail_email": message.id}
    for name, value in LIMITS.metadata.fitting(ours, message.metadata).items():
        mail.add_custom_arg(helpers.CustomArg(name, value))
    for tag in reversed(LIMITS.tags.fitting(message.tags)):  # the package adds in front
        mail.add_category(helpers.Category(tag))
    return mail


def _subject(subject: str) -> str:
    """SendGrid refuses an empty subject and takes a blank."""
    return subject if subject.strip() else LIMITS.blank_subject


def _personalization(message: Message) -> Any:
    """Return the envelope, without repeats: SendGrid refuses an address that occurs twice."""
    envelope, seen = helpers.Personalization(), set()
    for add, kind, boxes in (
        (envelope.add_to, helpers.To, message.to),
        (envelope.add_cc, helpers.Cc, message.cc),
        (envelope.add_bcc, helpers.Bcc, message.bcc),
    ):
        for box in boxes:
            if box.address.lower() not in seen:
                seen.add(box.address.lower())
                add(_email(kind, box))
    return envelope


def _email(kind: Any, box: Mailbox) -> Any:
    return kind(box.address, box.name or None)


def _ascii(name: str, value: str) -> str:
    """Return a header value encoded: SendGrid copies it into the mail unchanged."""
    return " ".join(headers.by_name(name, value)[1])


def _contents(message: Message, invitation: Attachment | None) -> list[dict[str, str]]:
    bodies = {"text/plain": message.text, "text/html": message.html}
    filled = [{"type": kind, "value": value} for kind, value in bodies.items() if value]
    calendar = _calendar(invitation) if invitation else ""
    # Empty content is refused. A type may name no method here: programs take the one in the calendar.
    return [
        *(filled or [{"type": "text/plain", "value": " "}]),
        *([{"type": "text/calendar", "value": calendar}] if calendar else []),
    ]


def _calendar(file: Attachment) -> str:
    """Return an invitation as SendGrid takes what stands beside the text; empty when it cannot."""
    charset = content_types.parameters(file.content_type).get("charset", "utf-8")
    if file.size > _LARGEST_CALENDAR:
        return ""
    try:
        return b"".join(body.content(file)).decode(charset)
    except (LookupError, ValueError):  # it goes as a file alone
        return ""


def _attachment(token: str, file: Attachment, *, inline: bool) -> Any:
    return helpers.Attachment(
        helpers.FileContent(token),
        helpers.FileName(file.filename),
        helpers.FileType(content_types.for_a_header(file.content_type)[0]),
        helpers.Disposition("inline" if inline else "attachment"),
        helpers.ContentId(file.content_id) if inline else None,
    )
