"""The forms of imports: a file is chosen, then looked at, and each question of it answered."""

from typing import Any, Final

from django import forms
from django.db import transaction
from django.http import QueryDict

from delivery.admin import base
from delivery.audience import columns, groups
from delivery.audience.imports import Order
from delivery.audience.questions import Question
from delivery.audience.reading import Asked, Reading
from delivery.models import Group, Import, Team

_ENCODINGS: Final = (
    ("", "as the file says"),
    ("utf-8", "UTF-8"),
    ("cp1252", "cp1252: Western Europe, Windows"),
    ("cp1250", "cp1250: Central Europe, Windows"),
    ("iso8859-15", "ISO 8859-15: Western Europe"),
    ("mac-roman", "Mac Roman: an old Mac's"),
    ("cp932", "cp932: Japanese, Windows"),
    ("cp1251", "cp1251: Cyrillic, Windows"),
    ("gb18030", "GB 18030: Chinese"),
)
_DELIMITERS: Final = (
    ("", "as the file says"),
    (",", "commas"),
    (";", "semicolons"),
    ("tab", "tabs"),
    ("|", "bars"),
)
_HEADERS: Final = (("", "as the file says"), ("true", "names the columns"), ("false", "is a row"))
FIELDS: Final = (
    ("", "leave it out"),
    ("email", "address"),
    ("first_name", "first name"),
    ("last_name", "last name"),
    ("name", "name"),
    ("locale", "locale"),
    ("data", "data"),
)
_MAP: Final = "column-"
_QUESTIONS: Final = {  # what is asked, and how it is answered; the API's own words name its fields
    "encoding_undecided": (
        "In which line are the words spelled as they should be?",
        "The file does not say how its letters are encoded. Where several lines are right, take the first.",
    ),
    "delimiter_undecided": (
        "In which table are the columns as they should be?",
        "The file does not say by what its cells are parted.",
    ),
    "header_missing": ("What is the first line?", "It holds an address, so it may be a row like the others."),
    "no_email_column": ("Which column holds the addresses?", "None is known by its name."),
    "sheet_undecided": ("Which sheet holds the contacts?", "Only one of them is read."),
}


class BringForm(base.OfTeams):
    """A file, and whose contacts it brings."""

    file = forms.FileField(
        label="CSV or .xlsx file, up to 200 MB",
        widget=forms.FileInput(attrs={"class": "gm-input", "accept": ".csv,.txt,.tsv,.xlsx"}),
    )

    class Meta:
        model = Import
        fields = ("team",)


class LookForm(forms.Form):
    """How the file is read, and what is done with it."""

    encoding = forms.ChoiceField(choices=_ENCODINGS, required=False)
    delimiter = forms.ChoiceField(label="Cells are parted by", choices=_DELIMITERS, required=False)
    header = forms.ChoiceField(label="The first line", choices=_HEADERS, required=False)
    sheet = forms.CharField(max_length=255, required=False)
    group = forms.ModelChoiceField(label="They join the group", queryset=Group.objects.none(), required=False)
    new_group = base.OneLine(label="or a new group", max_length=100, required=False)
    on_existing = forms.ChoiceField(
        label="Who is a contact already",
        choices=(
            ("merge", "gets what the file says; what it leaves empty stays"),
            ("replace", "becomes what the file says, empty where that is"),
            ("skip", "stays as it is"),
        ),
        initial="merge",
        required=False,
    )
    from_spreadsheet = forms.BooleanField(label="It is an export of ours for a spreadsheet", required=False)

    def __init__(self, team: Team | None, *args: Any, **kwargs: Any) -> None:
        """Offer the groups of this team."""
        super().__init__(*args, **kwargs)
        for each in self.fields.values():
            if not isinstance(each, forms.BooleanField):
                each.widget.attrs["class"] = "gm-input"
        self.team = team
        field: Any = self.fields["group"]
        field.queryset = groups.of(team).order_by("name")

    def asked(self, data: QueryDict) -> Asked:
        """Return what the valid form says of the file; the columns' fields stand in `data` by their places."""
        given = self.cleaned_data
        delimiter = "\t" if given["delimiter"] == "tab" else given["delimiter"]
        return Asked(
            encoding=given["encoding"],
            delimiter=delimiter,
            header=None if not given["header"] else given["header"] == "true",
            sheet=given["sheet"],
            from_spreadsheet=given["from_spreadsheet"],
            mapping=_mapping(data),
        )

    def order(self, asked: Asked, filename: str, by: str, *, dry_run: bool) -> Order:
        """Return what is to be done, in the caller's transaction: a new group is made."""
        given = self.cleaned_data
        return Order(
            filename=filename,
            by=by,
            asked=asked,
            group=given["group"] or self._new_group(given["new_group"].strip()),
            on_existing=given["on_existing"] or Import.OnExisting.MERGE,
            dry_run=dry_run,
        )

    def _new_group(self, name: str) -> Group | None:
        if not name:
            return None
        with transaction.atomic():
            return groups.of(self.team).filter(name=name).first() or groups.create(self.team, name=name)


def table(found: Reading) -> list[dict[str, Any]]:
    """Return each column: its header, what it becomes, and its first cells."""
    rows = found.sample[:3]
    return [
        {
            "place": f"{_MAP}{at}",
            "header": name or str(at + 1),
            "name": f"{_MAP}name-{at}",
            "field": "data" if field.startswith(columns.DATA) else field,
            "cells": [row[at][:60] if at < len(row) else "" for row in rows],
        }
        for at, (name, field) in enumerate(zip(found.columns, found.fields, strict=True))
    ]


def question(asked: Question) -> dict[str, Any]:
    """Return a question as it is put to a person, with the answers to choose from."""
    title, why = _QUESTIONS[asked.code]
    names = dict(_ENCODINGS)
    shown = [
        (each["encoding"], names[each["encoding"]], each["cells"])
        for each in asked.preview.get("encodings", ())
    ]
    return {"question": {"title": title, "why": why}, "preview": asked.preview, "encodings": shown}


def _mapping(data: QueryDict) -> dict[str, str | None]:
    """Return the fields that were chosen, by the headers that were shown beside them."""
    mapping: dict[str, str | None] = {}
    for key, name in data.items():
        if key.startswith(f"{_MAP}name-"):
            mapping[str(name)] = str(data.get(f"{_MAP}{key.removeprefix(f'{_MAP}name-')}", "")) or None
    return mapping
