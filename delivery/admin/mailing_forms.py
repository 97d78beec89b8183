"""The forms of mailings: what is sent to whom, and who gets a test of it."""

import zoneinfo
from datetime import UTC, datetime
from typing import Any, Final

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest

from delivery.access.scopes import Scope
from delivery.admin import base, permissions
from delivery.admin.names import Name
from delivery.content import addresses, template_sources
from delivery.content.template_sources import Unpublishable
from delivery.db import clock
from delivery.library.templates import Unknown
from delivery.mailings import rules
from delivery.mailings.content import NotReady
from delivery.models import Group, Mailing, Signature, Template
from providers.message import Mailbox

MOST_TESTED: Final = 10  # addresses
_BODIES: Final = ("subject", "html", "text")
_LEAST_RATE, _MOST_RATE, _MOST_DOMAINS = 0.001, 10_000, 100
_MOST_EXCLUDED: Final = 100
_LONGEST_SUBJECT: Final = 5_000
_IN_DOUBT: Final = (
    (
        Mailing.OnAmbiguous.STOP.value,
        "Leave it: nobody gets it twice. Where a provider does not say whether it took it, a person may miss it.",
    ),
    (
        Mailing.OnAmbiguous.RESEND.value,
        "Send it again: nobody misses it. Where a provider does not say whether it took it, a person may get it twice.",
    ),
)


class _Of(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A row of one of the person's teams; its team stands beside it where there are several."""

    several_teams = False

    def label_from_instance(self, obj: Any) -> str:
        """Return its name, and whose it is."""
        return f"{obj.name} ({obj.team or 'without a team'})" if self.several_teams else obj.name


class _Several(_Of, forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Several of them."""


class MailingForm(forms.Form):
    """A mailing. Its team is that of the group that it goes to."""

    name = Name(
        max_length=100, help_text="For you; templates may show it as {{ mailing.name }}.", label="Name"
    )
    group = _Of(queryset=Group.objects.none(), empty_label="Choose the group that gets it")
    exclude = _Several(
        label="But nobody who is in",
        queryset=Group.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    template = _Of(
        queryset=Template.objects.none(),
        required=False,
        empty_label="written here, below",
    )
    subject = base.OneLine(max_length=_LONGEST_SUBJECT, required=False)
    html = forms.CharField(
        label="HTML",
        required=False,
        strip=False,
        max_length=template_sources.LONGEST_SOURCE,
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false"}),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        max_length=template_sources.LONGEST_SOURCE,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Empty: made of the HTML.",
    )
    from_address = base.MailboxField(label="From", required=False)
    reply_to = base.MailboxField(label="Reply to", required=False)
    signature = _Of(
        queryset=Signature.objects.none(), required=False, empty_label="the group's, or the one that matches"
    )
    send_at = forms.CharField(
        label="Begins",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="Empty: as soon as it is started.",
    )
    zone = forms.CharField(required=False, widget=forms.HiddenInput)
    rate = forms.FloatField(
        label="Emails a second",
        required=False,
        min_value=_LEAST_RATE,
        max_value=_MOST_RATE,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text="Empty: as fast as the providers take them.",
    )
    domain_rates = forms.CharField(
        label="Slower to some domains",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "gmail.com: 5", "spellcheck": "false"}),
        help_text="One a line: a domain of recipients, and emails a second.",
    )
    on_ambiguous = forms.ChoiceField(
        label="When nobody knows whether an email was sent",
        choices=_IN_DOUBT,
        initial=Mailing.OnAmbiguous.STOP.value,
        widget=forms.RadioSelect,
    )

    def __init__(self, request: HttpRequest, mailing: Mailing | None, data: Any = None) -> None:
        """Offer what belongs to the teams in which the person may write mailings; of a mailing, to its team."""
        super().__init__(data, initial=_initial(mailing) if mailing else None)
        self.mailing = mailing
        teams = permissions.teams_with(request, Scope.MAILINGS_WRITE)
        several = mailing is None and (len(teams) > 1 or permissions.is_operator(request))
        for name, rows in _offered().items():
            field: Any = self.fields[name]
            field.several_teams = several
            found = permissions.visible(request, rows, Scope.MAILINGS_WRITE)
            field.queryset = found.filter(team=mailing.team_id) if mailing else found

    def clean_send_at(self) -> datetime | None:
        """Return the moment in the zone of the browser that wrote it."""
        written = self.cleaned_data["send_at"]
        if not written:
            return None
        try:
            local = datetime.fromisoformat(written).replace(tzinfo=_zone(self.data.get("zone", "")))
            moment = local.astimezone(UTC)
        except (ValueError, OverflowError):
            raise forms.ValidationError("This is no day and time.") from None
        if moment <= clock.now():
            raise forms.ValidationError("This has passed; leave it empty to begin as soon as it is started.")
        if moment > clock.now() + clock.MAX_AHEAD:
            raise forms.ValidationError(f"It may be {clock.MAX_AHEAD.days} days ahead.")
        return moment

    def clean_domain_rates(self) -> dict[str, float]:
        """Return the rates by domains as they are compared."""
        lines = [line for line in self.cleaned_data["domain_rates"].splitlines() if line.strip()]
        if len(lines) > _MOST_DOMAINS:
            raise forms.ValidationError(f"There may be {_MOST_DOMAINS} domains.")
        return dict(map(_domain_rate, lines))

    def clean_exclude(self) -> list[str]:
        """Return their ids."""
        if len(self.cleaned_data["exclude"]) > _MOST_EXCLUDED:
            raise forms.ValidationError(f"There may be {_MOST_EXCLUDED} groups.")
        return [str(group.pk) for group in self.cleaned_data["exclude"]]

    def clean(self) -> dict[str, Any]:
        """Refuse what belongs to another team than the group, and what could be sent to nobody."""
        cleaned: dict[str, Any] = super().clean() or {}
        if group := cleaned.get("group"):
            self._refuse_others(group)
        if not self.errors:
            self._refuse_unsendable()
        return cleaned

    def values(self) -> dict[str, Any]:
        """Return the fields of the mailing, as far as the form is valid; a template takes the bodies away."""
        given = {name: self.cleaned_data.get(name) for name in self.fields if name != "zone"}
        bodies = {
            name: "" if given["template"] else (given[name] or "").replace("\r\n", "\n") for name in _BODIES
        }
        texts = {name: given[name] or "" for name in ("name", "from_address", "reply_to")}
        return {
            **given,
            **bodies,
            **texts,
            "exclude": given["exclude"] or [],
            "domain_rates": given["domain_rates"] or {},
        }

    def draft(self) -> Mailing:
        """Return the mailing as the form says it, unsaved."""
        made = Mailing(**{**self.values(), "on_ambiguous": self.cleaned_data.get("on_ambiguous", "stop")})
        made.team = made.group.team if made.group else None
        return made

    def _refuse_others(self, group: Group) -> None:
        for name in ("template", "signature"):
            row = self.cleaned_data.get(name)
            if row and row.team_id != group.team_id:
                self.add_error(name, "This belongs to another team than the group.")
        others = Group.objects.filter(pk__in=self.cleaned_data.get("exclude", [])).exclude(team=group.team_id)
        if group.team_id is not None and others.exists():
            self.add_error("exclude", "One of these belongs to another team than the group.")

    def _refuse_unsendable(self) -> None:
        try:
            rules.refuse(self.draft())
        except Unpublishable as refused:
            for fault in refused.faults[:10]:
                self.add_error(fault.place if fault.place in self.fields else "html", str(fault))
        except Unknown as refused:
            self.add_error("template", str(refused))
        except NotReady as lacking:
            self.add_error(lacking.field, said(lacking))


class TestForm(forms.Form):
    """Whose data is written in, and who gets it."""

    __test__ = False
    contact = base.OneLine(
        label="As this contact gets it",
        max_length=320,
        required=False,
        widget=forms.TextInput(attrs={"list": "known-contacts", "autocomplete": "off"}),
    )
    to = forms.CharField(
        label="Send this to",
        required=False,
        max_length=4_000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "you@example.org"}),
        help_text=f"Up to {MOST_TESTED} addresses, parted by commas or lines.",
    )

    def clean_to(self) -> list[Mailbox]:
        """Return the mailboxes, each once."""
        written = [part for line in self.cleaned_data["to"].splitlines() for part in addresses.split(line)]
        try:
            boxes = [addresses.mailbox(part.strip()) for part in written if part.strip()]
        except addresses.InvalidAddress as error:
            raise forms.ValidationError(str(error)) from error
        several = list({addresses.canonical(box.address): box for box in boxes}.values())
        if len(several) > MOST_TESTED:
            raise forms.ValidationError(f"A test goes to {MOST_TESTED} addresses at most.")
        return several


def said(lacking: NotReady) -> str:
    """Return what lacks as a sentence below its field."""
    words = str(lacking)
    return words if words[:1].isupper() else f"This {words}"


def _offered() -> dict[str, QuerySet[Any]]:
    published = Template.objects.filter(kind=Template.Kind.TEMPLATE, versions__is_current=True)
    groups = Group.objects.order_by("name").select_related("team")
    return {
        "group": groups,
        "exclude": groups,
        "template": published.order_by("name").select_related("team").distinct(),
        "signature": Signature.objects.order_by("name").select_related("team"),
    }


def _initial(mailing: Mailing) -> dict[str, Any]:
    names = (
        "name",
        "group",
        "exclude",
        "template",
        *_BODIES,
        "from_address",
        "reply_to",
        "signature",
        "rate",
    )
    rates = "\n".join(f"{domain}: {rate:g}" for domain, rate in mailing.domain_rates.items())
    at = f"{mailing.send_at.astimezone(_zone('')):%Y-%m-%dT%H:%M}" if mailing.send_at else ""
    known = {name: getattr(mailing, name) for name in names}
    return {**known, "on_ambiguous": mailing.on_ambiguous, "domain_rates": rates, "send_at": at}


def _zone(name: str) -> zoneinfo.ZoneInfo:
    known = name in zoneinfo.available_timezones()
    return zoneinfo.ZoneInfo(name if known else settings.TIME_ZONE)


def _domain_rate(line: str) -> tuple[str, float]:
    name, _, rate = line.rpartition(":")
    try:
        domain, each = addresses.bare(f"a@{name.strip().lower()}").rpartition("@")[2], float(rate)
    except (addresses.InvalidAddress, ValueError):
        raise forms.ValidationError(f"{line.strip()[:80]!a}: write gmail.com: 5") from None
    if not _LEAST_RATE <= each <= _MOST_RATE:
        raise forms.ValidationError(f"{domain}: from {_LEAST_RATE} to {_MOST_RATE:,} emails a second.")
    return domain, each
