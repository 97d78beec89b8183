"""A message as Django's backends take it: described field by field for anymail's vendors, or as our MIME."""

from email.encoders import encode_base64
from email.headerregistry import Address
from email.message import Message as Mime
from email.mime.base import MIMEBase
from typing import TYPE_CHECKING, Any

from providers.base import Limits, Metadata, Tags
from providers.message import Attachment, Mailbox, Message
from providers.mime import build, content_types, parts
from providers.wire import body

if TYPE_CHECKING:
    from django.core.mail import EmailMessage

# What the smallest of anymail's vendors takes (Postmark): nobody knows which one this is. Postmark and SparkPost take
# no second tag, and refuse the mail.
LIMITS = Limits(
    max_bytes=10_000_000, max_recipients=50, is_relay=True, tags=Tags(most=1), metadata=Metadata(most=1000)
)
# A server of the house, or a place to look at.
OWN = Limits(max_bytes=10_000_000, max_recipients=50, is_relay=True, special_use_domains=True)


class _Built(Mime):
    """Our MIME where Django expects one of its own: it builds a second one, slower, and with other names of files."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content

    def as_bytes(self, unixfrom: bool = False, linesep: str = "\n") -> bytes:  # type: ignore[override]
        """Return the mail with these ends of lines, as Django's backends ask for it."""
        return self._content if linesep == "\r\n" else self._content.replace(b"\r\n", linesep.encode())


def built(message: Message) -> "EmailMessage":
    """Return a message of Django's own backends, which write what `message()` returns."""
    from django.core.mail import EmailMessage

    class Email(EmailMessage):
        def message(self, **_: Any) -> Any:
            return _Built(content)

    content = build.render(message)
    return Email(
        subject=message.subject,
        body=message.text,
        from_email=_address(message.sender),
        to=[_address(box) for box in message.to],
        cc=[_address(box) for box in message.cc],
        bcc=[_address(box) for box in message.bcc],
    )


def described(message: Message, attempt_id: str) -> "EmailMessage":
    """Return a message with all that anymail reads. It has no place for a calendar beside the text: a file it stays."""
    from django.core.mail import EmailMultiAlternatives

    email: Any = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text or ("" if not message.html else message.html),
        from_email=_address(message.sender),
        to=[_address(box) for box in message.to],
        cc=[_address(box) for box in message.cc],
        bcc=[_address(box) for box in message.bcc],
        reply_to=[_address(box) for box in message.reply_to],
        headers={
            **message.headers,
            build.ID_HEADER: message.id,
        },  # vendors write Date and Message-ID themselves
    )
    if message.html and message.text:
        email.attach_alternative(message.html, "text/html")
    elif message.html:
        email.content_subtype = "html"
    shown = {file.content_id for file in parts.of(message).inline}
    for file in message.attachments:
        email.attach(_part(file, inline=file.content_id in shown))
    ours = {"gomail_attempt": attempt_id, "gomail_email": message.id}
    email.metadata = LIMITS.metadata.fitting(ours, message.metadata)
    email.tags = LIMITS.tags.fitting(message.tags)
    return email  # type: ignore[no-any-return]


def _address(box: Mailbox) -> str:
    """Return an address in Unicode: Django encodes it, anymail's vendors want it unencoded."""
    return str(Address(display_name=box.name, addr_spec=box.address))


def _part(file: Attachment, *, inline: bool) -> MIMEBase:
    """Return a file as a MIME part; given bytes, anymail would alter a file that it takes for text."""
    data = b"".join(body.content(file))
    kind, *parameters = _kind(file.content_type, data)
    part = MIMEBase(*kind.split("/", 1))
    if parameters:
        part.replace_header("Content-Type", "; ".join([kind, *parameters]))
    part.set_payload(data)
    encode_base64(part)
    name: Any = file.filename if file.filename.isascii() else ("utf-8", "", file.filename)
    part.add_header("Content-Disposition", "inline" if inline else "attachment", filename=name)
    if inline:
        part["Content-ID"] = f"<{file.content_id}>"
    return part


def _kind(declared: str, data: bytes) -> tuple[str, ...]:
    """Return a file's type and parameters; anymail decodes text, and what cannot be decoded would stop the mail."""
    kind, *written = content_types.for_a_header(declared)
    if not kind.startswith("text/"):
        return kind, *written
    found = content_types.parameters("; ".join((kind, *written)))
    # anymail writes the type anew, without the other parameters, unless it finds the charset there in small letters.
    found["charset"] = found.get("charset", "utf-8").lower()
    if not _is_text(data, found["charset"]):
        return (content_types.UNKNOWN,)
    return kind, *(content_types.parameter(name, value) for name, value in found.items() if written)


def _is_text(data: bytes, charset: str) -> bool:
    """Tell whether it would be the same after it was decoded, and encoded anew."""
    try:
        return data.decode(charset).encode(charset) == data
    except (LookupError, ValueError):
        return False
