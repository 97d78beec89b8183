"""Requests built by hand where a library would refuse, and what came of them: answer, record, mails at the vendors."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import idna
from django.db import connection
from django.test import Client

from delivery.models import Attachment, Email, Recipient
from tests import fakes
from tests.providers.fault_server import answer

BOUNDARY = "a-boundary-of-our-own"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
STATUSES = {200, 202, 400, 401, 403, 404, 405, 413, 501}
_COUNTED = "SELECT " + ", ".join(
    f"(SELECT COUNT(*) FROM {model._meta.db_table})" for model in (Email, Recipient, Attachment)
)
SENDER, RECIPIENT = "me@example.org", "ann@example.org"


@dataclass(frozen=True, kw_only=True)
class File:
    """A file to attach."""

    filename: str
    content: bytes = b"content"
    more: Mapping[str, str] = field(default_factory=dict)  # content_type, content_id


def as_json(fields: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return body and content type."""
    values = {name: _jsonable(value) for name, value in fields.items()}
    return json.dumps(values).encode(), "application/json"


def as_form(fields: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return body and content type; what is not a string goes as JSON text, each file as a part."""
    parts = []
    for name, value in fields.items():
        if isinstance(value, list) and value and all(isinstance(item, File) for item in value):
            parts += [_file_part(file) for file in value]
        else:
            text = value if isinstance(value, str) else json.dumps(_jsonable(value))
            parts.append(part(f'form-data; name="{_escaped(name)}"', text.encode(errors="surrogatepass")))
    return form(parts), FORM


def part(disposition: str, content: bytes, *more: str) -> bytes:
    """Return one part of a form."""
    lines = [f"Content-Disposition: {disposition}", *more]
    return "\r\n".join(lines).encode(errors="surrogatepass") + b"\r\n\r\n" + content


def form(parts: Iterable[bytes]) -> bytes:
    """Return a whole form."""
    mark = f"--{BOUNDARY}".encode()
    return b"".join(mark + b"\r\n" + piece + b"\r\n" for piece in parts) + mark + b"--\r\n"


@dataclass
class Service:
    """The API between a client and two vendors."""

    client: Client
    headers: dict[str, str]
    ses: fakes.FakeVendor
    sendgrid: fakes.FakeVendor
    folder: Path

    def change_vendor(self) -> None:
        """Let SES send, or not: then SendGrid gets it."""
        sends = self.ses.default is fakes.SES_SUSPENDED
        self.ses.default = answer(200, {"MessageId": "ses-message-id"}) if sends else fakes.SES_SUSPENDED

    def post(self, body: bytes, content_type: str, path: str = fakes.V1 + "send-email/") -> Any:
        # Not post(): that recodes a body whose content type names a charset.
        return self.client.generic("POST", path, body, content_type=content_type, headers=self.headers)

    def problems(
        self, body: bytes, content_type: str, fields: Mapping[str, Any] | None, must: str = "either"
    ) -> str:
        """Post, and return in words what is not as promised; empty if all is well.

        fields are those that an acceptance is compared with; must is accept, refuse or either.
        """
        before = self.stored(), self.received()
        response = self.post(body, content_type)
        found = shape_problem(response)
        if found or response.status_code not in (200, 202):
            return found or self._refused_problem(response, before, must)
        if must == "refuse" or fields is None:
            return f"accepted: {response.content[:300]!r}"
        mails = self._mails_since(before[1])
        if response.status_code == 200 and not mails:
            return "sent, and no vendor knows of it"
        return next(filter(None, (difference(mail, intended(fields)) for mail in mails)), "")

    def received(self) -> tuple[int, int]:
        """Return how many requests each vendor has got."""
        return len(self.ses.received), len(self.sendgrid.received)

    def _refused_problem(self, response: Any, before: Any, must: str) -> str:
        if must == "accept":
            return f"refused: {response.content[:300]!r}"
        return (
            "" if (self.stored(), self.received()) == before else "refused, and something is stored or sent"
        )

    def _mails_since(self, received: tuple[int, int]) -> list[dict[str, Any]]:
        ses = [_ses_mail(request.json()) for request in self.ses.received[received[0] :]]
        return ses + [_sendgrid_mail(request.json()) for request in self.sendgrid.received[received[1] :]]

    def stored(self) -> tuple[int, int, int, int]:
        """Return how many emails, recipients, attachments and files there are."""
        files = sum(path.is_file() for path in self.folder.rglob("*")) if self.folder.exists() else 0
        with connection.cursor() as cursor:  # the ORM would take a third of these tests' time to ask
            cursor.execute(_COUNTED)
            emails, recipients, attachments = cursor.fetchone()
        return emails, recipients, attachments, files


def shape_problem(answer: Any) -> str:
    """Return what is wrong with an answer's status and form."""
    if answer.status_code not in STATUSES:
        return f"status {answer.status_code}: {answer.content[:300]!r}"
    if answer["Content-Type"] != "application/json":
        return f"the answer is {answer['Content-Type']}"
    body = answer.json()
    good = answer.status_code in (200, 202)
    if body.get("success") is not good or not isinstance(body.get("message"), str):
        return f"the answer has another form: {body!r}"
    if not good and not _is_failure(body):
        return f"the failure has another form: {body!r}"
    return ""


def difference(mail: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return in words what a vendor got that was not asked for, or did not get."""
    wrong = [
        f"{name} at the vendor: {mail[name]!r}, wanted {wanted[name]!r}"
        for name in mail
        if mail[name] != wanted[name]
    ]
    return "; ".join(wrong)


def intended(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must reach a vendor, read from the request by rules of this module's own."""
    extra = _json(fields.get("headers")) or {}
    return {
        "from": canonical(_sender(fields.get("from_address"))),
        "recipients": sorted(
            {canonical(a) for n in ("to", "cc", "bcc") for a in _items(fields.get(f"{n}_addresses"))}
        ),
        "reply_to": sorted(canonical(address) for address in _items(fields.get("reply_to"))),
        "cc": sorted(canonical(address) for address in _items(fields.get("cc_addresses"))),
        "subject": fields.get("subject") or "",
        "extra": {name.lower(): value.strip(" ") for name, value in extra.items()},
        "files": sorted(file.content for file in fields.get("attachments") or []),
        "names": [],
    }


def canonical(text: str) -> str:
    """Return the one address that a person sees in this text."""
    local, _, domain = text.rpartition("<")[2].strip("<> ").rpartition("@")
    try:
        return f"{local}@{idna.encode(domain.lower(), uts46=True).decode()}".lower()
    except idna.IDNAError as error:
        return f"{text!r}: {error}"


def _sender(value: Any) -> str:
    return value if isinstance(value, str) and value.strip() else "default@example.org"


def _items(value: Any) -> list[str]:
    value = _json(value) if isinstance(value, str) and value.lstrip().startswith("[") else value
    if isinstance(value, str) and "<" in value:  # mailboxes; what is quoted parts nothing and is no address
        bare = re.sub(r'"(?:\\.|[^"\\])*"', "", value, flags=re.DOTALL)
        return [piece for piece in map(str.strip, re.split("[,;]", bare)) if piece]
    return re.findall(r"[^ \t\r\n,;]+", value) if isinstance(value, str) else list(value or [])


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _ses_mail(request: Any) -> dict[str, Any]:
    raw = base64.b64decode(request["Content"]["Raw"]["Data"])
    mime = message_from_bytes(raw, policy=policy.SMTP)
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
    names = sorted(line.partition(":")[0].lower() for line in head if line[:1] not in " \t")
    boxes = [box.lower() for kind in request["Destination"].values() for box in kind]
    extra = {name: _unfolded(mime[name]) for name in names if name not in _OUR_HEADERS}
    wrong = [name for name in set(names) if names.count(name) > 1] + [
        name for name in names if "\n" in str(mime[name])
    ]
    files = list(mime.iter_attachments()) if mime.is_multipart() else []
    return {
        "from": _addresses(mime, "From")[0],
        "recipients": sorted(boxes),
        "reply_to": _addresses(mime, "Reply-To"),
        "cc": _addresses(mime, "Cc"),
        "subject": str(mime["Subject"] or ""),
        "extra": extra,
        "files": sorted(
            part.get_content() if isinstance(part.get_content(), bytes) else part.get_payload(decode=True)
            for part in files
        ),
        "names": wrong + [name for name in map(_name, files) if not _is_safe(name)],
    }


_OUR_HEADERS = frozenset(
    (
        *("from", "to", "cc", "reply-to", "subject", "date", "message-id", "x-gomail-id"),
        *("mime-version", "content-type", "content-transfer-encoding"),
    )
)
_SENDGRID_FIELDS = frozenset(
    (
        *("from", "personalizations", "subject", "content", "attachments"),
        *("reply_to_list", "headers", "custom_args", "categories"),
    )
)


def _sendgrid_mail(request: Any) -> dict[str, Any]:
    (person,) = request["personalizations"]
    extra = {name.lower(): _decoded(value) for name, value in request.get("headers", {}).items()}
    extra.pop("x-gomail-id", None)
    names = [file["filename"] for file in request.get("attachments", [])]
    wrong = sorted(request.keys() - _SENDGRID_FIELDS) + sorted(
        person.keys() - {"to", "cc", "bcc", "custom_args"}
    )
    wrong += [value for value in request.get("headers", {}).values() if not re.fullmatch("[ -~]*", value)]
    return {
        "from": request["from"]["email"].lower(),
        "recipients": sorted(
            box["email"].lower() for kind in ("to", "cc", "bcc") for box in person.get(kind, [])
        ),
        "reply_to": sorted(box["email"].lower() for box in request.get("reply_to_list", [])),
        "cc": sorted(box["email"].lower() for box in person.get("cc", [])),
        "subject": request.get("subject", ""),
        "extra": extra,
        "files": sorted(base64.b64decode(file["content"]) for file in request.get("attachments", [])),
        "names": wrong + [name for name in names if not _is_safe(name)],
    }


def _addresses(mime: Any, name: str) -> list[str]:
    return sorted(box.addr_spec.lower() for box in mime[name].addresses) if mime[name] else []


def _name(part: Any) -> str:
    return part.get_filename() or ""


def _is_safe(name: str) -> bool:
    controls = re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", name)
    return bool(name) and not controls and not re.search(r'[\\/:"<>|]', name) and len(name.encode()) <= 151


def _unfolded(value: Any) -> str:
    return str(value or "")


def _decoded(value: str) -> str:
    return str(policy.SMTP.header_factory("X", value))


def _is_failure(body: Any) -> bool:
    errors = body.get("errors")
    keys = {"field", "code", "message"}
    return (
        isinstance(body.get("code"), str)
        and isinstance(errors, list)
        and all(set(error) == keys for error in errors)
    )


def _jsonable(value: Any) -> Any:
    if isinstance(value, File):
        return {"filename": value.filename, "content": base64.b64encode(value.content).decode(), **value.more}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    return value


def _escaped(name: str) -> str:
    return name.replace('"', "%22")


def _file_part(file: File) -> bytes:
    kind = file.more.get("content_type", "application/octet-stream").replace("\r\n\r\n", "")
    return part(
        f'form-data; name="file"; filename="{_escaped(file.filename)}"', file.content, f"Content-Type: {kind}"
    )
