"""What a person is asked for beside a click: another address, another time, whose address to suppress."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.utils import timezone

from delivery.admin import base
from delivery.content import addresses
from delivery.db import clock
from delivery.models import Email, Suppression
from delivery.suppressions.entries import Finding
from providers.message import Mailbox

_LONGEST_REASON: Final = 1000


class Again(forms.Form):
    """How often it had been sent again when the question was put: two who answer it send it once."""

    known = forms.IntegerField(widget=forms.HiddenInput, required=False)


class OtherAddress(Again):
    """To whom it goes instead."""

    to = base.MailboxField(label="To", widget=base.Line(attrs={"autocomplete": "off", "type": "text"}))

    def clean_to(self) -> tuple[Mailbox, ...]:
        """Return it as a mailbox."""
        return (addresses.mailbox(self.cleaned_data["to"]),)


class NewTime(forms.Form):
    """When it goes instead."""

    at = forms.DateTimeField(
        label="At", widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "gm-input"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Say in which zone the time is read."""
        super().__init__(*args, **kwargs)
        self.fields["at"].help_text = f"In the time zone {timezone.get_current_timezone_name()}."


class Address(forms.Form):
    """Which of the recipients, and why."""

    who = forms.ChoiceField(label="Address", widget=base.Choice)
    because = base.OneLine(
        label="Reason", max_length=_LONGEST_REASON, widget=base.Line(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args: Any, recipients: list[str], **kwargs: Any) -> None:
        """Offer the recipients of the email."""
        super().__init__(*args, **kwargs)
        self.fields["who"].choices = [(each, each) for each in recipients]  # type: ignore[attr-defined]


def about(form: type[forms.Form], email: Email) -> dict[str, Any]:
    """Return what a form has to know of its email."""
    if form is Address:
        return {"recipients": list(dict.fromkeys(row.canonical for row in email.recipients.all()))}
    if issubclass(form, Again):
        return {"initial": {"known": Email.objects.filter(resend_of=email.pk).count()}}
    return {"initial": {"at": timezone.localtime(email.due_at)}} if form is NewTime and email.due_at else {}


def finding(email: Email, given: Mapping[str, Any]) -> Finding:
    """Return the reason to suppress the chosen address."""
    return Finding(
        team_id=email.team_id,
        address=given["who"],
        kind=Suppression.Kind.MANUAL,
        source="admin",
        reason=given["because"],
        at=clock.now(),
        by=given["by"],
    )
