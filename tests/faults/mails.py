"""What a mail says and to whom: of a letter as it was ordered, and of a vendor's call as that vendor has it.

The two are read without GoMail's code, so that they can be compared.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from hashlib import sha256
from typing import Any

_FIELDS = ("to", "cc", "bcc", "shown", "subject", "text", "html", "files")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail; addresses and files are sorted."""

    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    shown: tuple[str, ...]  # the addresses that every recipient can read
    subject: str
    text: str  # its hash
    html: str  # its hash
    files: tuple[tuple[str, str], ...]  # the name and the hash of each


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request for sending a mail, as a vendor reads it."""

    email: str  # X-GoMail-ID
    attempt: str
    mail: Mail


def differences(asked: Mail, got: Mail) -> list[str]:
    """Return the names of the fields in which a mail is not what was asked for."""
    return [name for name in _FIELDS if getattr(asked, name) != getattr(got, name)]


def of_letter(letter: Mapping[str, Any]) -> Mail:
    """Return what a customer asks for: plain text as `body`, or HTML with its own text beside it."""
    to, cc, bcc = (letter.get(f"{kind}_addresses", ()) for kind in ("to", "cc", "bcc"))
    files = letter.get("attachments", ())
    return _mail(
        (to, cc, bcc),
        shown=[*to, *cc],
        subject=letter["subject"],
        text=letter.get("text_body") or letter["body"],
        html=letter.get("html_body", ""),
        files=[(file["filename"], base64.b64decode(file["content"])) for file in files],
    )


def of_ses(body: str) -> Call:
    """Read a call of Amazon SES: an envelope, and a mail as MIME."""
    call = json.loads(body)
    mime = message_from_bytes(base64.b64decode(call["Content"]["Raw"]["Data"]))
    leaves = [part for part in mime.walk() if not part.is_multipart()]
    parts = {part.get_content_type(): _text(part) for part in leaves if not part.get_filename()}
    named = [(_decoded(part.get_filename() or ""), _bytes(part)) for part in leaves if part.get_filename()]
    envelope = [call["Destination"][f"{kind}Addresses"] for kind in ("To", "Cc", "Bcc")]
    return Call(
        email=mime["X-GoMail-ID"] or "",
        attempt={tag["Name"]: tag["Value"] for tag in call["EmailTags"]}["gomail_attempt"],
        mail=_mail(
            envelope,
            shown=_addresses(mime, "To", "Cc", "Bcc"),
            subject=_decoded(mime["Subject"]),
            text=parts.get("text/plain", ""),
            html=parts.get("text/html", ""),
            files=named,
        ),
    )


def of_sendgrid(body: str) -> Call:
    """Read a call of SendGrid, which shows what it finds under `to` and `cc`."""
    call = json.loads(body)
    (person,) = call["personalizations"]
    to, cc, bcc = ([box["email"] for box in person.get(kind, ())] for kind in ("to", "cc", "bcc"))
    parts = {part["type"]: part["value"] for part in call["content"]}
    files = [(file["filename"], base64.b64decode(file["content"])) for file in call.get("attachments", ())]
    return Call(
        email=(call.get("headers") or person["headers"])["X-GoMail-ID"],
        attempt=(call.get("custom_args") or person["custom_args"])["gomail_attempt"],
        mail=_mail(
            (to, cc, bcc),
            shown=[*to, *cc],
            subject=call.get("subject") or person["subject"],
            text=parts.get("text/plain", ""),
            html=parts.get("text/html", ""),
            files=files,
        ),
    )


READERS: Mapping[str, Callable[[str], Call]] = {"ses": of_ses, "sendgrid": of_sendgrid}


def _mail(
    envelope: Iterable[Iterable[str]],
    *,
    shown: Iterable[str],
    subject: str,
    text: str,
    html: str,
    files: Iterable[tuple[str, bytes]],
) -> Mail:
    to, cc, bcc = (tuple(sorted(boxes)) for boxes in envelope)
    return Mail(
        to=to,
        cc=cc,
        bcc=bcc,
        shown=tuple(sorted(shown)),
        subject=subject,
        text=_hash(text.replace("\r\n", "\n").encode()),
        html=_hash(html.replace("\r\n", "\n").encode()),
        files=tuple(sorted((name, _hash(content)) for name, content in files)),
    )


def _addresses(mime: Message, *names: str) -> list[str]:
    return [address for _, address in getaddresses([v for name in names for v in mime.get_all(name, [])])]


def _text(part: Message) -> str:
    return _bytes(part).decode(part.get_content_charset("ascii"))


def _bytes(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def _decoded(value: str) -> str:
    """Return a header of several lines and encoded words as its reader sees it."""
    return str(make_header(decode_header(re.sub(r"\r?\n", "", value))))


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()
