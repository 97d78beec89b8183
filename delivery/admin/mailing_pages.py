"""What the pages of mailings show: what the check has found, who got what, and what a mailing is."""

from collections.abc import Mapping
from typing import Any, Final

from django.urls import reverse

from delivery.admin import mailing_standing, pages
from delivery.admin.pages import Label
from delivery.mailings import progress, states
from delivery.models import Group, Mailing, MailingRecipient
from delivery.search import mailing_addresses

_Became = MailingRecipient.State
_FIGURES: Final = {  # of a check
    "recipients": "recipients",
    "suppressed": "of them suppressed",
    "render_failures": "lack what it needs",
    "unsubscribed": "have left the group",
}
_AT_ONCE: Final = 50  # recipients on a page


def found(mailing: Mailing) -> dict[str, Any] | None:
    """Return what the check has found, for people; None: there is nothing."""
    result = mailing.check_result
    if mailing.state == Mailing.State.DRAFT or "at" not in result:
        return None
    forecast = result["forecast"]
    return {
        **result,
        "figures": [(f"{result[name]:,}", words) for name, words in _FIGURES.items()],
        "missing": sorted(result["missing"].items(), key=lambda each: -each[1]),
        "failures": [
            {**each, "reason": each["reason"].removeprefix(states.RENDER)} for each in result["failures"]
        ],
        "takes": mailing_standing.duration(forecast["seconds"])
        or "as long as the providers need: no rate is set",
        "per_second": forecast["per_second"],
        "quotas": forecast["quota"],
        "nobody_ready": not any(each["ready"] for each in result["providers"]),
    }


def recipients(mailing: Mailing, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of them: in a state, with the beginning of an address, behind one."""
    rows = progress.recipients(mailing).order_by("pk").select_related("contact")
    state, begin = state_of(asked), asked.get("q", "").strip().replace("\0", "")
    if state:
        rows = rows.filter(state=state)
    if begin:
        rows = mailing_addresses.beginning(rows, begin)
    page = list(rows.filter(pk__gt=pages.number(asked.get("after", "")))[: _AT_ONCE + 1])
    return {
        "rows": [(row, _why(row), label(row)) for row in page[:_AT_ONCE]],
        "next": page[_AT_ONCE - 1].pk if len(page) > _AT_ONCE else None,
        "chosen": state,
        "q": begin,
    }


def label(row: MailingRecipient) -> Label:
    """Return the label of what became of it for a recipient."""
    return Label(text=row.state, colour=mailing_standing.OF_RECIPIENTS[row.state])


def _why(row: MailingRecipient) -> str:
    """Return the reason; of who waits it is what the check has found."""
    why = row.reason.removeprefix(states.RENDER)
    return f"It would fail: {why}" if why and row.state == _Became.WAITING else why


def state_of(asked: Mapping[str, str]) -> str:
    """Return the state that is asked for; empty: all."""
    state = asked.get("state", "")
    return state if state in _Became.values else ""


def facts(mailing: Mailing) -> list[tuple[str, Any]]:
    """Return what it is, for the side of its page; an empty sender is the group's."""
    group = mailing.group
    excluded = Group.objects.filter(pk__in=mailing.exclude, team=mailing.team_id).values_list(
        "name", flat=True
    )
    told = [
        ("Group", group or "deleted"),
        ("But not", ", ".join(excluded)),
        ("Team", mailing.team),
        ("From", mailing.from_address or (group and group.from_address)),
        ("Reply to", mailing.reply_to or (group and group.reply_to)),
        ("Template", mailing.template),
        ("Subject", "" if mailing.template else mailing.subject),
        ("Signature", mailing.signature),
        (
            "Begins",
            mailing_standing.own_zone(mailing.send_at) if mailing.send_at else "as soon as it is started",
        ),
        ("Rate", _rate(mailing)),
        ("If in doubt", "left" if mailing.on_ambiguous == Mailing.OnAmbiguous.STOP else "sent again"),
        ("Started by", mailing.by),
        ("Started", mailing.started_at and pages.moment(mailing.started_at)),
        ("Finished", mailing.finished_at and pages.moment(mailing.finished_at)),
        ("Id", mailing.pk),
    ]
    return [(name, value) for name, value in told if value]


def _rate(mailing: Mailing) -> str:
    own = [f"{mailing.rate:g} a second"] if mailing.rate else ["as fast as the providers take them"]
    return "; ".join(
        [*own, *(f"{domain}: {rate:g} a second" for domain, rate in mailing.domain_rates.items())]
    )


def first_steps(has_group: bool, has_template: bool) -> list[tuple[bool, str, str, str]]:
    """Return what comes before a first mailing: whether it is done, where, and what it is for."""
    bring, write = reverse("admin:delivery_import_add"), reverse("admin:delivery_template_add")
    return [
        (
            has_group,
            bring,
            "Bring contacts in by a file",
            "The import puts them into a group, to which a mailing goes.",
        ),
        (
            has_template,
            write,
            "Write a template and publish it",
            "A mailing may have a text of its own instead.",
        ),
        (
            False,
            reverse("admin:delivery_mailing_add"),
            "Make the mailing",
            "Nothing is sent before it is checked and started.",
        ),
    ]
