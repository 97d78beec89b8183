"""Signatures: kept, and found for an email by whom it is from and to."""

import io
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from delivery.access import audit
from delivery.content import addresses, publishing, signatures, template_text, templates
from delivery.content.drafts import UNSIGNED, Draft
from delivery.content.signatures import Piece
from delivery.content.template_sources import Fault, Source, Unpublishable, Variable
from delivery.content.templates import Compiled, Unwritable
from delivery.db import clock, compiled
from delivery.models import Group, Signature, SignatureImage, Team
from providers.message import Attachment, Mailbox

MOST: Final = 500  # of a team
VARIABLES: Final = ("from.name", "from.email", "to.name", "to.email", "date")
_ROOTS: Final = tuple(Variable(name=name) for name in ("from", "to", "date"))
_DOCUMENT = re.compile(r"<\s*+/?\s*+(?:html|head|body|style|!doctype)\b", re.IGNORECASE)
_CID = re.compile(r"cid:([A-Za-z0-9._-]{1,100})")
_Match, _Kind = Signature.Match, Signature.Kind
# The most specific first.
_PRECEDENCE: Final = (
    *(_Match.TO_ADDRESS, _Match.GROUP, _Match.FROM_ADDRESS, _Match.TO_DOMAIN, _Match.FROM_DOMAIN),
)
_SUMMARY: Final = ("name", "match", "match_value", "kind", "position", "once", "enabled")


class Unknown(Unwritable):
    """The team has no signature with this id."""


class TooLarge(Unwritable):
    """With the images of its signatures an email has more attachments than it may."""


class TooMany(Exception):
    """The team has as many as it may have."""


class InvalidMatch(ValueError):
    """The value is none that this match could have."""


def of(team: Team | None) -> QuerySet[Signature]:
    """Return the signatures of a team; None: of those without a key."""
    return Signature.objects.filter(team=team)


def create(team: Team | None, images: Sequence[Attachment] = (), **fields: Any) -> Signature:
    """Return a new signature; raise Unpublishable, InvalidMatch or TooMany."""
    made = Signature(team=team, created_at=clock.now(), **fields)
    check(made)
    if of(team).count() >= MOST:
        raise TooMany
    with transaction.atomic():
        made.save(force_insert=True)
        _put_images(made, images)
        _record("created", made, after=audit.values(made, _SUMMARY))
    forget()
    return made


def change(signature: Signature, images: Sequence[Attachment] | None = None, **fields: Any) -> None:
    """Change a signature, and its images if any are given; raise Unpublishable, InvalidMatch or DoesNotExist."""
    before = audit.values(signature, _SUMMARY)
    for name, value in fields.items():
        setattr(signature, name, value)
    check(signature)
    was, now = audit.difference(before, audit.values(signature, _SUMMARY))
    with transaction.atomic():
        Signature.objects.select_for_update().only("pk").get(pk=signature.pk)  # saving would make it again
        signature.save()
        if images is not None:
            signature.images.all().delete()
            _put_images(signature, images)
        _record("changed", signature, before=was, after=now)
    forget()


def delete(signature: Signature) -> None:
    """Delete a signature; emails that have it keep it."""
    with transaction.atomic():
        _record("deleted", signature, before=audit.values(signature, _SUMMARY))
        signature.delete()
    forget()


def put_under(draft: Draft, team: Team | None, group: Group | None = None) -> Draft:
    """Return the draft with the signatures that match, or the one that it names; raise Unwritable.

    A team without signatures costs no statement of its own: that is asked once a second for all of them.
    """
    if draft.signature == UNSIGNED or not (draft.signature or _has_any(team)):
        return draft
    if signatures.is_sealed(draft.html, draft.text, [file.content_type for file in draft.attachments]):
        return draft
    rows = chosen(draft, team, group)
    pieces = {str(row.pk): piece(row, draft.sender, draft.to[0]) for row in rows}
    html, text, put = signatures.signed(draft.html, draft.text, list(pieces.values()))
    if not put:
        return draft
    ids = {each.id for each in put}
    kept = [row for row in rows if str(row.pk) in ids]
    images = [file for row in kept if draft.html for file in _files(row)]
    if images and sum(file.size for file in (*draft.attachments, *images)) > settings.ATTACHMENTS_MAX_BYTES:
        raise TooLarge("With the images of its signature the attachments are over the limit.")
    return replace(
        draft,
        html=html,
        text=text,
        attachments=(*draft.attachments, *images),
        signed_with=tuple({"id": str(row.pk), "kind": row.kind} for row in kept),
    )


def chosen(draft: Draft, team: Team | None, group: Group | None = None) -> list[Signature]:
    """Return the signature and the disclaimer of a draft, each if there is one; raise Unknown."""
    matching = _matching(draft, _rows(team.pk if team else None, int(time.monotonic())), group)
    own = draft.signature or (str(group.signature_id) if group and group.signature_id else "")
    if own:
        named = _named(team, own)
        matching[named.kind] = named
    return [matching[kind] for kind in (_Kind.SIGNATURE, _Kind.DISCLAIMER) if kind in matching]


def piece(signature: Signature, sender: Mailbox, to: Mailbox) -> Piece:
    """Return a signature written for an email; raise RenderFault."""
    data = {
        "from": {"name": sender.name, "email": sender.address},
        "to": {"name": to.name, "email": to.address},
        "date": clock.now().date().isoformat(),
    }
    written = _parsed(signature.html, signature.text).render(data)
    html = written.html or signatures.html_of(written.text)
    return Piece(
        id=str(signature.pk),
        html=_CID.sub(lambda cid: f"cid:{_content_id(signature, cid[1])}", html),
        text=written.text,
        at_end=signature.position == Signature.Position.END,
        once=signature.once,
    )


def forget() -> None:
    """Let this process look anew: it has changed something."""
    _teams.cache_clear()
    _rows.cache_clear()


def match_value(match: str, value: str, team: Team | None) -> str:
    """Return the value of a match as it is compared; raise InvalidMatch."""
    if match == _Match.GROUP:
        return _group(value, team)
    if match in (_Match.TO_DOMAIN, _Match.FROM_DOMAIN):
        return _domain(value)
    try:
        return addresses.canonical(addresses.bare(value.strip()))
    except addresses.InvalidAddress as error:
        raise InvalidMatch(str(error).rstrip(".")) from error


def _domain(value: str) -> str:
    try:
        return addresses.bare(f"a@{value.strip().removeprefix('@')}").rpartition("@")[2]
    except addresses.InvalidAddress as error:
        raise InvalidMatch("must be one domain, such as example.org, without those below it") from error


def _group(value: str, team: Team | None) -> str:
    try:
        found = Group.objects.filter(team=team, pk=UUID(value)).first()
    except ValueError:
        found = None
    if found is None:
        raise InvalidMatch("there is no such group")
    return str(found.pk)


def check(signature: Signature) -> None:
    """Refuse what could not be put under an email; raise Unpublishable or InvalidMatch. The match is folded."""
    signature.match_value = match_value(signature.match, signature.match_value, signature.team)
    check_content(signature)


def check_content(signature: Signature) -> None:
    """Refuse HTML and a text that could not be put under an email; raise Unpublishable."""
    if found := _DOCUMENT.search(signature.html):
        message = f"{found[0][:20]!a}: it is put into other HTML, and is no document of its own"
        raise Unpublishable([Fault(code="no_fragment", place="html", message=message)])
    made = publishing.compiled(Source(html=signature.html, text=signature.text), variables=_ROOTS)
    if unknown := sorted(publishing.used(made) - {*VARIABLES, "now", "today"}):
        message = f"{', '.join(unknown)[:120]}: there are {', '.join(VARIABLES)}"
        raise Unpublishable([Fault(code="undeclared_variable", place="html", message=message)])


def _matching(draft: Draft, rows: Sequence[Signature], group: Group | None) -> dict[str, Signature]:
    sender, to = (addresses.canonical(box.address) for box in (draft.sender, draft.to[0]))
    sought = {
        _Match.TO_ADDRESS: to,
        _Match.GROUP: str(group.pk) if group else "",
        _Match.FROM_ADDRESS: sender,
        _Match.TO_DOMAIN: to.rpartition("@")[2],
        _Match.FROM_DOMAIN: sender.rpartition("@")[2],
    }
    found: dict[str, Signature] = {}
    for match in _PRECEDENCE:
        for row in rows:  # the newest first
            if row.match == match and row.match_value == sought[match]:
                found.setdefault(row.kind, row)
    return found


def _named(team: Team | None, named: str) -> Signature:
    try:
        return of(team).get(pk=UUID(named))
    except (ValueError, Signature.DoesNotExist):
        raise Unknown(f"There is no signature {named[:80]!a}.") from None


def _has_any(team: Team | None) -> bool:
    return (team.pk if team else None) in _teams(int(time.monotonic()))


@lru_cache(maxsize=1)
def _teams(second: int) -> frozenset[int | None]:
    return frozenset(team for (team,) in _SIGNING.run())


_SIGNING = compiled.SelectColumns(
    "team", lambda _: Signature.objects.filter(enabled=True).order_by().values_list("team").distinct()
)


@lru_cache(maxsize=256)
def _rows(team: int | None, second: int) -> tuple[Signature, ...]:
    return tuple(Signature.objects.filter(team=team, enabled=True).order_by("-id"))


@lru_cache(maxsize=256)
def _parsed(html: str, text: str) -> templates.Published:
    plain = text or template_text.text_of(html).strip("\n")
    return templates.parsed(Compiled(subject="", html=html, text=plain))


def _put_images(signature: Signature, images: Sequence[Attachment]) -> None:
    for image in images:
        with image.open() as content:
            SignatureImage.objects.create(
                signature=signature,
                content_id=image.content_id,
                filename=image.filename,
                content_type=image.content_type,
                content=content.read(),
            )


def _files(signature: Signature) -> list[Attachment]:
    """Return the images that its HTML shows."""
    named = set(_CID.findall(signature.html))
    rows = signature.images.filter(content_id__in=named) if named else ()
    return [_file(signature, row) for row in rows]


def _file(signature: Signature, row: SignatureImage) -> Attachment:
    content = bytes(row.content)
    return Attachment(
        filename=row.filename,
        content_type=row.content_type,
        size=len(content),
        open=lambda: io.BytesIO(content),
        content_id=_content_id(signature, row.content_id),
    )


def _content_id(signature: Signature, name: str) -> str:
    """Return the id of an image in an email; no image of the email's own has it."""
    return f"{name}.{signature.pk.hex}"


def _record(verb: str, signature: Signature, **states: Mapping[str, Any]) -> None:
    audit.record(f"signature.{verb}", "signature", signature.pk, team=signature.team_id, **states)
