"""What a mailing says: fixed by its check, and written for one recipient after the other."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from django.conf import settings

from delivery.content import addresses, directions, headers, links, locales, publishing, templates
from delivery.content.drafts import Draft
from delivery.content.template_sources import Source
from delivery.content.templates import Compiled, Missing, Published, RenderFault
from delivery.library import signatures
from delivery.library import templates as library
from delivery.models import Contact, Group, Mailing, MailingRecipient, TemplateVersion
from delivery.models.suppression import LIST
from delivery.suppressions.screening import Mail
from providers.message import Mailbox

OWN: Final = ""  # the language of bodies of its own, and of a template's default
_FIELDS: Final = ("email", "first_name", "last_name", "name", "locale")


class NotReady(Exception):
    """The mailing cannot be checked as it is; `field` is what lacks, the message is for a person."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Writer:
    """Writes the emails of one mailing, each for its recipient. May be kept for as long as its content is fixed."""

    def __init__(self, mailing: Mailing, group: Group, published: Mapping[str, Published]) -> None:
        self._mailing, self._group, self._published = mailing, group, published
        self._sender = sender(mailing, group)
        self._reply_to = _answers_to(mailing, group)
        self._unsubscribe = f"{LIST}{group.pk}" if group.unsubscribe else ""
        purpose: Literal["marketing", "transactional"] = "marketing" if self._unsubscribe else "transactional"
        self._purpose = purpose
        # what decides which suppressions keep its emails from a recipient
        self.mail = Mail(team_id=mailing.team_id, purpose=purpose, unsubscribe=self._unsubscribe)
        self._headers = _headers(mailing, group, self._sender)
        self._about = {"id": str(mailing.pk), "name": mailing.name}

    def draft(self, recipient: MailingRecipient, contact: Contact) -> Draft:
        """Return the email for this recipient with this contact's data; raise templates.Unwritable."""
        published = self._in(locales.read(contact.locale))
        rendered = published.render({"contact": variables(contact), "mailing": self._about})
        if not self._unsubscribe and links.has_place(rendered.html, rendered.text):
            raise Missing(("unsubscribe_url",))
        draft = Draft(
            sender=self._sender,
            to=(Mailbox(address=recipient.address, name=called(contact)),),
            reply_to=self._reply_to,
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
            headers=self._headers,
            on_ambiguous=self._mailing.on_ambiguous,  # type: ignore[arg-type]
            priority="bulk",
            purpose=self._purpose,
            unsubscribe=self._unsubscribe,
            signature=str(self._mailing.signature_id or ""),
            written_with=asdict(published.reference) if published.reference.id else None,
        )
        return signatures.put_under(draft, self._mailing.team, self._group)

    def _in(self, locale: str) -> Published:
        for candidate in locales.candidates(locale):
            if candidate in self._published:
                return self._published[candidate]
        raise RenderFault(f"The template is not published in {locale or 'the default language'}.")


def fixed(mailing: Mailing) -> dict[str, Any]:
    """Return what the mailing says from now on, as Mailing.content; raise NotReady or Unpublishable."""
    _refuse_unready(mailing)
    if mailing.template_id is None:
        source = Source(subject=mailing.subject, html=mailing.html, text=mailing.text)
        return {OWN: asdict(publishing.compiled(source))}
    current = TemplateVersion.objects.filter(template=mailing.template_id, is_current=True)
    found = {locale: str(pk) for locale, pk in current.values_list("locale", "pk")}
    if not found:
        raise NotReady("template", "The template has no published version.")
    return found


def writer(mailing: Mailing) -> Writer:
    """Return the writer of a mailing; of what it says now where no check has fixed that yet.

    Raises NotReady where its group is gone; in a draft NotReady or Unpublishable.
    """
    if mailing.group is None:
        raise NotReady("group", "The group of the mailing has been deleted.")
    return Writer(mailing, mailing.group, _published(mailing, mailing.content or fixed(mailing)))


def sender(mailing: Mailing, group: Group) -> Mailbox:
    """Return who the mailing is from; raise NotReady where neither it nor its group says so, or it was forgotten."""
    if not (address := mailing.from_address or group.from_address):
        raise NotReady("from_address", "Name the sender of the mailing or of its group.")
    return _mailbox("from_address", address)


def of_group(mailing: Mailing, group: Group) -> dict[str, Any]:
    """Return what the group decides of the mailing, which is confirmed with its start."""
    return {
        "from_address": mailing.from_address or group.from_address,
        "reply_to": mailing.reply_to or group.reply_to,
        "signature": str(mailing.signature_id or group.signature_id or ""),
        "unsubscribe": group.unsubscribe,
    }


def published_at(mailing: Mailing) -> dict[str, str]:
    """Return when each version that it is written with was published last, which is confirmed with its start.

    Of a mailing that has not been started.
    """
    if mailing.template_id is None:
        return {}
    versions = TemplateVersion.objects.filter(pk__in=list(mailing.content.values()))
    return {str(pk): at.isoformat() for pk, at in versions.values_list("pk", "published_at") if at}


def variables(contact: Contact) -> dict[str, Any]:
    """Return what `contact` is in a template: an empty value is missing; a column may be named without `data.`."""
    data = {name: value for name, value in contact.data.items() if value not in ("", None)}
    known = {name: value for name in _FIELDS if (value := getattr(contact, name))}
    plain = {name: value for name, value in data.items() if name not in {*_FIELDS, "id", "data"}}
    return {**plain, **known, "id": str(contact.pk), "data": data}


def called(contact: Contact) -> str:
    """Return the name of a person, as it stands beside the address: files leave line ends and worse in it."""
    name = contact.name or f"{contact.first_name} {contact.last_name}"
    plain = directions.without_marks(headers.without_controls(name))
    return plain.strip()[: addresses.MAX_NAME]


def _published(mailing: Mailing, content: Mapping[str, Any]) -> dict[str, Published]:
    if mailing.template_id is None:
        return {OWN: templates.parsed(Compiled(**content[OWN]))}
    kept = {each["version"]: each["compiled"] for each in content.values() if isinstance(each, dict)}
    ids = [each for each in content.values() if isinstance(each, str)]
    versions = TemplateVersion.objects.select_related("template").in_bulk([*ids, *kept])
    return {
        version.locale: library.ready(version, kept.get(str(version.pk)) or version.compiled or {})
        for version in versions.values()
    }


def _refuse_unready(mailing: Mailing) -> None:
    if mailing.group is None:
        raise NotReady("group", "Name the group that gets the mailing.")
    if mailing.group.unsubscribe and (missing := links.trouble()):
        raise NotReady("group", f"The group's mail carries an unsubscribe link. {missing}")
    sender(mailing, mailing.group)
    _answers_to(mailing, mailing.group)


def _answers_to(mailing: Mailing, group: Group) -> tuple[Mailbox, ...]:
    address = mailing.reply_to or group.reply_to
    return (_mailbox("reply_to", address),) if address else ()


def _mailbox(field: str, address: str) -> Mailbox:
    """Return a mailbox; raise NotReady for what an erasure has left of one."""
    try:
        return addresses.mailbox(address)
    except addresses.InvalidAddress as error:
        raise NotReady(field, f"Name another one for the mailing or its group. {error}") from error


def _headers(mailing: Mailing, group: Group, sender: Mailbox) -> dict[str, str]:
    host = urlsplit(settings.GOMAIL_PUBLIC_URL).hostname or sender.address.rpartition("@")[2]
    return {
        "List-ID": f"<{group.pk}.{host}>",
        "Precedence": "bulk",
        "Feedback-ID": f"{mailing.pk}:{group.pk}:{mailing.team_id or 0}:gomail",
    }
