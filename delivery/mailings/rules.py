"""What a mailing must be to be kept, and to be sent: for the API and the admin alike."""

from typing import Final

from delivery.content import links, publishing
from delivery.content.links import NotSetUp
from delivery.content.template_sources import Source
from delivery.library.templates import Unknown
from delivery.mailings import content
from delivery.mailings.content import NotReady
from delivery.models import Group, Mailing, Membership, TemplateVersion
from providers.message import Mailbox

SMALL: Final = 10_000  # recipients of a mailing that is checked while its client waits


class Lacking(NotReady):
    """What the mailing cannot do without is not given."""


def refuse(mailing: Mailing) -> None:
    """Raise for what nobody could be sent, in the words of whoever has just written it.

    Raises NotReady or Lacking, Unpublishable for bodies with faults, library.templates.Unknown for a template without
    a published version.
    """
    sender(mailing)
    if str(mailing.group_id) in mailing.exclude:
        raise NotReady("exclude", "holds the group itself: nobody would be left.")
    if mailing.template_id:
        _refuse_unpublished(mailing)
    else:
        _refuse_bodies(mailing)


def refuse_sending(mailing: Mailing) -> None:
    """Raise as `refuse` does, and NotSetUp where its mail needs a link that cannot be made."""
    refuse(mailing)
    if _group(mailing).unsubscribe and (trouble := links.trouble()):
        raise NotSetUp(trouble)


def sender(mailing: Mailing) -> Mailbox:
    """Return who it is from; raise Lacking where neither it nor its group says so.

    The installation's default sender is for single emails: a whole group gets none by mistake.
    """
    group = _group(mailing)
    if not (mailing.from_address or group.from_address):
        raise Lacking("from_address", "is missing, and the group has none.")
    return content.sender(mailing, group)


def members(mailing: Mailing) -> int:
    """Return how many are subscribed to its group; that is how many can get it at most."""
    subscribed = Membership.Status.SUBSCRIBED
    return Membership.objects.filter(group=mailing.group_id, status=subscribed).count()


def _group(mailing: Mailing) -> Group:
    if mailing.group is None:
        raise Lacking("group", "is missing, or was deleted: name the group that gets it.")
    return mailing.group


def _refuse_unpublished(mailing: Mailing) -> None:
    if not TemplateVersion.objects.filter(template=mailing.template_id, is_current=True).exists():
        raise Unknown("The template of the mailing has no published version.")


def _refuse_bodies(mailing: Mailing) -> None:
    if not mailing.subject:
        raise Lacking("subject", "is missing: a mailing has a template, or a subject and html or text.")
    if not (mailing.html or mailing.text):
        raise Lacking("html", "is missing: a mailing has a template, or a subject and html or text.")
    publishing.compiled(Source(subject=mailing.subject, html=mailing.html, text=mailing.text))
