"""Previews of mailings: the email as one contact gets it, whatever has been checked."""

import base64
from collections.abc import Sequence
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest

from delivery.access.limits import Over
from delivery.access.pauses import Paused
from delivery.admin import files, mailing_standing
from delivery.admin.mailing_forms import said
from delivery.content import links
from delivery.content.drafts import Draft
from delivery.content.template_sources import Unpublishable
from delivery.content.templates import Missing, Unwritable
from delivery.mailings import testing
from delivery.mailings.content import NotReady
from delivery.models import Contact, Email, Mailing, Membership
from delivery.submission import batches
from providers.message import Attachment, Mailbox

Found = dict[str, Any]
SAMPLE: Final = {"email": "ann@example.org", "first_name": "Ann", "last_name": "Lee", "name": "Ann Lee"}
_OFFERED: Final = 20  # contacts
_TO: Final = Mailbox(address="ann@example.org")


def of(mailing: Mailing, contact: Contact) -> Found:
    """Return the email for this contact as the page's script shows it, or what is wrong with it."""
    try:
        (draft,) = testing.drafts(mailing, contact, [_TO])
    except Unpublishable as refused:
        return {"faults": [f"{fault.place}: {fault}" for fault in refused.faults]}
    except Missing as lacking:
        return {"faults": [f"{contact.email} lacks what it needs."], "missing": list(lacking.names)}
    except NotReady as lacking:
        return {"faults": [said(lacking)]}
    except Unwritable as fault:
        return {"faults": [str(fault)]}
    return {**_shown(draft), "faults": []}


def send(request: HttpRequest, mailing: Mailing, contact: Contact, boxes: Sequence[Mailbox]) -> bool:
    """Send it to these as this contact gets it, and say what became of that; tell whether all of them get it."""
    try:
        drafts = testing.drafts(mailing, contact, boxes)
        results = batches.accept([batches.Item(draft=draft) for draft in drafts], team=mailing.team)
    except (Unpublishable, NotReady, Unwritable, Paused, Over) as fault:
        messages.error(request, f"Nothing was sent. {fault}")
        return False
    refused = [(box, each) for box, each in zip(boxes, results, strict=True) if not isinstance(each, Email)]
    for box, why in refused:
        messages.error(request, f"{box.address}: {why}")
    if len(refused) < len(boxes):
        told = f"The test is on its way to {mailing_standing.people(len(boxes) - len(refused))}."
        messages.success(request, f"{told} Its link to unsubscribe does nothing.")
    return not refused


def contacts(mailing: Mailing) -> list[Contact]:
    """Return some of those who get it, for a person to choose from; the first of them is shown."""
    subscribed = Membership.objects.filter(group=mailing.group_id, status=Membership.Status.SUBSCRIBED)
    rows = subscribed.order_by("id").select_related("contact")[:_OFFERED] if mailing.group_id else []
    return [row.contact for row in rows]


def first(mailing: Mailing) -> Contact:
    """Return the first of them for whom it can be written; where there is nobody yet, somebody who is made up."""
    known = contacts(mailing) or [Contact(team=mailing.team, **SAMPLE)]
    return next((contact for contact in known if _can_be_written(mailing, contact)), known[0])


def _can_be_written(mailing: Mailing, contact: Contact) -> bool:
    try:
        testing.drafts(mailing, contact, [_TO])
    except Missing:
        return False
    except (Unpublishable, NotReady, Unwritable):  # for nobody
        return True
    return True


def _shown(draft: Draft) -> Found:
    html = links.put_into_html(draft.html, "#")
    return {
        "subject": draft.subject.removeprefix(testing.PREFIX),
        "html": _with_images(files.harmless(html), draft.attachments),
        "text": links.put_into_text(draft.text, "https://… (the own link of each)"),
    }


def _with_images(html: str, of: Sequence[Attachment]) -> str:
    """Return HTML with the images of its signature in it."""
    for image in of:
        if image.content_id and f"cid:{image.content_id}" in html:
            with image.open() as opened:
                data = base64.b64encode(opened.read()).decode()
            html = html.replace(f"cid:{image.content_id}", f"data:{image.content_type};base64,{data}")
    return html
