"""Tests of a mailing: the email that one contact would get, sent to other people, and counted nowhere."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from delivery.content.drafts import UNSIGNED, Draft
from delivery.content.templates import LONGEST_SUBJECT
from delivery.mailings import content
from delivery.mailings.content import Writer
from delivery.models import Contact, Mailing, MailingRecipient
from delivery.models.suppression import TEST
from providers.message import Mailbox

PREFIX: Final = "[Test] "


def drafts(mailing: Mailing, contact: Contact, boxes: Sequence[Mailbox]) -> list[Draft]:
    """Return the email with this contact's data, for each of these; its link to unsubscribe ends nothing.

    What has not been checked is written as it is now. Raises NotReady, Unpublishable or templates.Unwritable.
    """
    written = _writer(mailing).draft(MailingRecipient(mailing=mailing, address=contact.email), contact)
    test = replace(
        written,
        subject=f"{PREFIX}{written.subject}"[:LONGEST_SUBJECT],
        priority="normal",
        unsubscribe=TEST if written.unsubscribe else "",
        signature=UNSIGNED,  # it has what it has
    )
    return [replace(test, to=(box,)) for box in boxes]


def _writer(mailing: Mailing) -> Writer:
    if mailing.content:
        return content.writer(mailing)
    as_it_is = copy.copy(mailing)
    as_it_is.content = content.fixed(mailing)
    return content.writer(as_it_is)
