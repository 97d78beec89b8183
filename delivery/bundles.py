"""An email with its rows and files, in memory: made from a draft or loaded, saved, and turned into a Message."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models.functions import Now

from delivery import process
from delivery.content import addresses, bodies, links, tombstones
from delivery.content.drafts import UNSIGNED, Draft, without_repeats
from delivery.db import clock, compiled, ids, session
from delivery.db.inserts import Insert
from delivery.db.values import Once
from delivery.files import storage
from delivery.models import ApiKey, Attachment, Email, Recipient, Tag, Team
from delivery.models.email import LEASE
from providers import message as border

Part = TypeVar("Part", Recipient, Attachment)
Boxes = tuple[border.Mailbox, ...]
# By the database's clock, which also decides when it has ended.
_LEASED = Once(Now() + LEASE)
_EMAILS, _RECIPIENTS = Insert(Email), Insert(Recipient)
_RECIPIENTS_OF = compiled.Select[Recipient](
    "email", lambda emails: Recipient.objects.filter(email__pk__in=emails)
)
_ATTACHMENTS_OF = compiled.Select[Attachment](
    "email", lambda emails: Attachment.objects.filter(email__pk__in=emails)
)


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """The rows of one email, in memory."""

    email: Email
    recipients: list[Recipient]
    attachments: list[Attachment]
    files: tuple[border.Attachment, ...]  # the attachments' content, in the same order

    def message(self) -> border.Message:
        """Return the message for the providers of one round, without suppressed recipients.

        Raises links.NotSetUp for an email that needs an unsubscribe link.
        Its Date is now, or when the email was finished: spam filters distrust a mail with an old Date.
        """
        email, (to, cc, bcc) = self.email, self._offered()
        link = links.url(email.pk) if email.unsubscribe else ""
        return border.Message(
            id=str(email.pk),
            date=email.finished_at or clock.now(),
            sender=border.Mailbox(address=email.from_address, name=email.from_name),
            to=to,
            cc=cc,
            bcc=bcc,
            reply_to=self._reply_to(),
            subject=email.subject,
            text=links.put_into_text(email.text_body, link),
            html=links.put_into_html(email.html_body, link),
            headers={**email.headers, **links.headers(link)},
            tags=tuple(email.tags),
            metadata=email.metadata,
            attachments=self.files,
            tracked=not link,
        )

    def is_whole(self) -> bool:
        """Tell whether bodies and attachments are still kept; see retention."""
        pruned = [self.email.body_pruned_at, *(row.pruned_at for row in self.attachments)]
        return not any(pruned) and not any(map(tombstones.is_one, self._named()))

    def _named(self) -> list[str]:
        """Return everybody whom the email names where an address stands."""
        answers = [address for address, _ in self.email.reply_to]
        return [self.email.from_address, *answers, *(row.address for row in self.recipients)]

    def draft(self) -> Draft:
        """Return a draft to send the email again, to all its recipients; times are not copied."""
        email, (to, cc, bcc) = self.email, _grouped(self.recipients)
        return Draft(
            sender=border.Mailbox(address=email.from_address, name=email.from_name),
            to=to,
            cc=cc,
            bcc=bcc,
            reply_to=self._reply_to(),
            subject=email.subject,
            text=email.text_body,
            html=email.html_body,
            headers=email.headers,
            tags=tuple(email.tags),
            metadata=email.metadata,
            on_ambiguous=email.on_ambiguous,  # type: ignore[arg-type]
            priority=email.priority,  # type: ignore[arg-type]
            purpose=email.purpose,  # type: ignore[arg-type]
            unsubscribe=email.unsubscribe,
            attachments=self.files,
            signature=UNSIGNED,  # it has what it had
            written_with=email.template,
            signed_with=tuple(email.signatures or ()),
        )

    def keep_files(self) -> tuple[border.Attachment, ...]:
        """Store the content of the attachments, and return them with their hashes.

        Called before any row that names them is saved. Raises storage.Damaged.
        """
        for row, file in zip(self.attachments, self.files, strict=True):
            row.sha256 = storage.keep(file)
        pairs = zip(self.files, self.attachments, strict=True)
        return tuple(replace(file, sha256=row.sha256) for file, row in pairs)

    def save(self) -> None:
        """Insert every row; the caller holds the transaction."""
        session.refuse_a_replaced_file()
        _EMAILS.run([self.email])
        _RECIPIENTS.run(self.recipients)
        if self.attachments:
            Attachment.objects.bulk_create(self.attachments)
        if self.email.tags:
            Tag.objects.bulk_create(self.tags())

    def tags(self) -> list[Tag]:
        """Return the index entries of the email's tags."""
        return [Tag(email=self.email, name=name) for name in dict.fromkeys(self.email.tags)]

    def _offered(self) -> tuple[Boxes, Boxes, Boxes]:
        """Return To, Cc and Bcc without suppressed recipients.

        Where that leaves nobody in To the next group moves up: vendors want somebody there. Several blind copies stay
        blind.
        """
        to, cc, bcc = _grouped(row for row in self.recipients if row.status != Recipient.Status.SUPPRESSED)
        if to:
            return to, cc, bcc
        if cc:
            return cc, (), bcc
        return (bcc, (), ()) if len(bcc) == 1 else ((), (), bcc)

    def _reply_to(self) -> Boxes:
        return tuple(border.Mailbox(address=address, name=name) for address, name in self.email.reply_to)


def claimed(draft: Draft, team: Team | None, key: ApiKey | None = None) -> Bundle:
    """Return a new email that the caller is about to hand over itself, claimed by this process.

    Nothing is saved yet.
    """
    bundle = waiting(draft, team, key)
    email = bundle.email
    email.status, email.due_at, email.epoch, email.rounds = Email.Status.SENDING, None, 1, 1
    email.lease_until = _LEASED  # type: ignore[assignment]
    email.worker = process.identity()
    return bundle


def waiting(draft: Draft, team: Team | None, key: ApiKey | None = None) -> Bundle:
    """Return a new email for a worker to hand over, now or at its time. Nothing is saved yet."""
    email = _email(draft, team)
    email.key = key
    return Bundle(
        email=email,
        recipients=_recipients(email, draft),
        attachments=[_attachment(email, file) for file in draft.attachments],
        files=draft.attachments,
    )


def save_all(bundles: Sequence[Bundle]) -> None:
    """Insert every row of these bundles; the caller holds the transaction."""
    session.refuse_a_replaced_file()
    _EMAILS.run([bundle.email for bundle in bundles])
    _RECIPIENTS.run([row for bundle in bundles for row in bundle.recipients])
    Attachment.objects.bulk_create(row for bundle in bundles for row in bundle.attachments)
    Tag.objects.bulk_create(tag for bundle in bundles for tag in bundle.tags())


def load(email: Email) -> Bundle:
    """Return the bundle of a stored email."""
    return load_all([email])[0]


def load_all(emails: Sequence[Email]) -> list[Bundle]:
    """Return the bundles of stored emails, in the same order."""
    pks = [email.pk for email in emails]
    recipients = _by_email(_RECIPIENTS_OF.run(pks)) if pks else {}
    attachments = _by_email(_ATTACHMENTS_OF.run(pks)) if pks else {}
    return [_whole(email, recipients.get(email.pk, []), attachments.get(email.pk, [])) for email in emails]


def read(pk: UUID) -> Bundle:
    """Return the bundle of the email with this id; raise Email.DoesNotExist."""
    return load(Email.objects.get(pk=pk))


def _whole(email: Email, recipients: list[Recipient], attachments: list[Attachment]) -> Bundle:
    files = tuple(file(row) for row in attachments)
    return Bundle(email=email, recipients=recipients, attachments=attachments, files=files)


def _grouped(rows: Iterable[Recipient]) -> tuple[Boxes, Boxes, Boxes]:
    """Return the mailboxes of To, Cc and Bcc."""
    of: dict[str, list[border.Mailbox]] = {kind: [] for kind in Recipient.Kind}
    for row in rows:
        of[row.kind].append(border.Mailbox(address=row.address, name=row.name))
    return tuple(of["to"]), tuple(of["cc"]), tuple(of["bcc"])


def _by_email(rows: Iterable[Part]) -> dict[UUID, list[Part]]:
    found: dict[UUID, list[Part]] = {}
    for row in rows:
        found.setdefault(row.email_id, []).append(row)
    return found


def _email(draft: Draft, team: Team | None) -> Email:
    now = clock.now()
    due_at = max(now, draft.send_at or now)
    return Email(
        id=ids.at(now),
        created_at=now,
        team=team,
        from_address=draft.sender.address,
        from_name=draft.sender.name,
        reply_to=[[box.address, box.name] for box in without_repeats(draft.reply_to)[0]],
        subject=draft.subject,
        text_body=bodies.bare(draft.text),
        html_body=bodies.bare(draft.html),
        headers=dict(draft.headers),
        tags=list(draft.tags),
        metadata=dict(draft.metadata),
        priority=draft.priority,
        on_ambiguous=draft.on_ambiguous,
        purpose=draft.purpose,
        unsubscribe=draft.unsubscribe,
        template=dict(draft.written_with) if draft.written_with else None,
        signatures=list(draft.signed_with) or None,
        status=Email.Status.SCHEDULED if due_at > now else Email.Status.QUEUED,
        due_at=due_at,
        expires_at=due_at + timedelta(seconds=draft.expires_in),
    )


def _recipients(email: Email, draft: Draft) -> list[Recipient]:
    groups = zip(Recipient.Kind, without_repeats(draft.to, draft.cc, draft.bcc), strict=True)
    return [_recipient(email, kind, box) for kind, boxes in groups for box in boxes]


def _recipient(email: Email, kind: Recipient.Kind, box: border.Mailbox) -> Recipient:
    return Recipient(
        email=email,
        kind=kind,
        name=box.name,
        address=box.address,
        canonical=addresses.canonical(box.address),
    )


def _attachment(email: Email, file: border.Attachment) -> Attachment:
    return Attachment(
        email=email,
        filename=file.filename,
        content_type=file.content_type,
        content_id=file.content_id,
        size=file.size,
    )


def file(row: Attachment) -> border.Attachment:
    """Return a stored file as it was promised: whoever reads it finds out whether it still is."""
    return border.Attachment(
        filename=row.filename,
        content_type=row.content_type,
        size=row.size,
        open=row.open,
        content_id=row.content_id,
        sha256=row.sha256,
    )
