"""The forms of API keys: a new one, one that is changed, and one that is rotated."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.utils.html import format_html

from delivery.access import key_rules, keys, leaving
from delivery.access.scopes import Scope
from delivery.admin import base
from delivery.content import addresses
from delivery.db import clock
from delivery.models import ApiKey, Team

_MOST_DAYS = 3650
OVERLAPS = (
    ("24", "for 24 hours"),
    ("1", "for an hour"),
    ("168", "for a week"),
    ("0", "no more: it has leaked"),
)


def _senders() -> forms.CharField:
    return forms.CharField(
        label="Allowed senders",
        required=False,
        max_length=10_000,
        widget=base.Lines(attrs={"rows": 4, "placeholder": "shop@example.org\n@example.com"}),
        help_text="One address or @domain per line. Empty: any sender.",
    )


def _places() -> forms.CharField:
    return forms.CharField(
        label="Networks",
        required=False,
        max_length=5_000,
        widget=base.Lines(attrs={"rows": 3, "placeholder": "192.0.2.0/24\n2001:db8::/32"}),
        help_text="From where it may be used: one address or network per line. Empty: from anywhere.",
    )


class _Bounds:
    """Whose mail a key may send, and from where it may be used."""

    cleaned_data: dict[str, Any]

    def clean_senders(self) -> list[str]:
        """Parse each line as a rule."""
        return _lines(self.cleaned_data["senders"], key_rules.sender)

    def clean_places(self) -> list[str]:
        """Parse each line as a network."""
        return _lines(self.cleaned_data["places"], key_rules.network)


class KeyForm(_Bounds, base.OfTeams):
    """The form for a new key."""

    chosen_by = "team_name"
    held: ClassVar[Mapping[str, frozenset[str]] | None] = None  # scopes by a team's name; None: all, in any

    team_name = base.OneLine(
        label="Team",
        max_length=100,
        widget=base.Line(attrs={"autocomplete": "off", "placeholder": "web shop"}),
    )
    called = base.OneLine(
        label="Name",
        required=False,
        max_length=100,
        widget=base.Line(attrs={"autocomplete": "off", "placeholder": "checkout on server 2"}),
    )
    remark = base.OneLine(
        label="Note", required=False, max_length=500, widget=base.Line(attrs={"autocomplete": "off"})
    )
    granted = forms.MultipleChoiceField(
        label="Scopes",
        choices=Scope.choices,
        initial=keys.USUAL_SCOPES,
        widget=base.Checkboxes,
    )
    senders, places = _senders(), _places()
    days = forms.IntegerField(
        label="Expires after",
        required=False,
        min_value=1,
        max_value=_MOST_DAYS,
        widget=base.Line(attrs={"autocomplete": "off", "inputmode": "numeric", "placeholder": "365"}),
        help_text="Days. Empty: never.",
    )

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """List the existing teams in the help text, for those who see them all."""
        super().__init__(*args, **kwargs)
        if self.choices is not None:
            return
        names = ", ".join(Team.objects.values_list("name", flat=True)[:20])
        there_are = f" Existing teams: {names}." if names else ""
        said = "The application that will use the key; a new name creates a team.{}"
        self.fields["team_name"].help_text = format_html(said, there_are)

    def clean_team_name(self) -> str:
        """Strip surrounding spaces; refuse a team that is being deleted."""
        name = str(self.cleaned_data["team_name"]).strip()
        if team := Team.objects.filter(name=name).first():
            try:
                leaving.refuse(team.pk)
            except leaving.Leaving as refusal:
                raise forms.ValidationError(str(refusal)) from refusal
        return name

    def clean(self) -> dict[str, Any]:
        """Refuse scopes that the person does not have: no key may more than whoever makes it."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.held is not None and "team_name" in cleaned:
            more = set(cleaned.get("granted", ())) - self.held[cleaned["team_name"]]
            if more:
                self.add_error("granted", f"You do not have these scopes there: {', '.join(sorted(more))}.")
        return cleaned

    def limit(self, teams: Sequence[Team]) -> None:
        """Offer these teams, and the scopes that the person has in one of them."""
        names = [(team.name, team.name) for team in teams]
        self.fields["team_name"] = forms.ChoiceField(label="Team", choices=names, widget=base.Choice)
        granted: Any = self.fields["granted"]
        mine = frozenset().union(*(self.held or {}).values())
        granted.choices = [choice for choice in Scope.choices if choice[0] in mine]
        granted.initial = [scope for scope in keys.USUAL_SCOPES if scope in mine]

    def rights(self) -> dict[str, Any]:
        """Return what was asked for, as `keys.issue` wants it."""
        asked = self.cleaned_data
        return {
            "scopes": asked["granted"],
            "from_addresses": asked["senders"],
            "networks": asked["places"],
            "name": asked["called"],
            "note": asked["remark"],
            "expires_at": _end(asked["days"]),
        }


class ChangeForm(_Bounds, forms.Form):
    """What a person may change of a key: all but its team and its scopes."""

    called = base.OneLine(label="Name", required=False, max_length=100)
    remark = base.OneLine(label="Note", required=False, max_length=500)
    senders, places = _senders(), _places()
    ends = forms.DateField(
        label="Expires on",
        required=False,
        help_text="A date such as 2027-01-31, at its beginning (UTC). Empty: never.",
    )

    def __init__(self, key: ApiKey, data: Any = None) -> None:
        """Begin with what the key has."""
        has = {
            "called": key.name,
            "remark": key.note,
            "senders": "\n".join(key.from_addresses),
            "places": "\n".join(key.networks or ()),
            "ends": key.expires_at and key.expires_at.date(),
        }
        super().__init__(data, initial=has)

    def clean_ends(self) -> date | None:
        """Refuse a day that is over: a key that is to end now is revoked."""
        day: date | None = self.cleaned_data["ends"]
        if day and "ends" in self.changed_data and day <= clock.now().date():
            raise forms.ValidationError("This day has begun already. To end a key now, revoke it.")
        return day

    def changes(self) -> dict[str, Any]:
        """Return what was changed, as `key_changes.change` wants it."""
        of = {"called": "name", "remark": "note", "senders": "from_addresses", "places": "networks"}
        found = {of[name]: self.cleaned_data[name] for name in self.changed_data if name in of}
        return found | ({"expires_at": self._end()} if "ends" in self.changed_data else {})

    def _end(self) -> datetime | None:
        day = self.cleaned_data["ends"]
        return datetime.combine(day, time(), tzinfo=UTC) if day else None


class RotationForm(forms.Form):
    """For how long the old key still works."""

    overlap = forms.ChoiceField(choices=OVERLAPS, initial="24")

    def overlap_is(self) -> timedelta:
        """Return it."""
        return timedelta(hours=int(self.cleaned_data["overlap"]))


def _lines(text: str, parse: Callable[[str], str]) -> list[str]:
    try:
        return [parse(line.strip()) for line in text.splitlines() if line.strip()]
    except (addresses.InvalidAddress, key_rules.InvalidNetwork) as error:
        raise forms.ValidationError(str(error)) from error


def _end(days: int | None) -> datetime | None:
    return clock.now() + timedelta(days=days) if days else None
