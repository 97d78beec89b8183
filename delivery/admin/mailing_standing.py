"""How far a mailing has come, for people: its state as a sentence, its counts, its pace."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

from delivery.admin.pages import Label
from delivery.mailings import progress, rules
from delivery.models import Mailing, MailingRecipient

State, _Became = Mailing.State, MailingRecipient.State
Counts = Mapping[str, int]
COLOURS: Final = {
    "draft": "",
    "checking": "info",
    "checked": "info",
    "scheduled": "info",
    "sending": "info",
    "paused": "warning",
    "done": "success",
    "cancelled": "",
}
OF_RECIPIENTS: Final = {
    "waiting": "",
    "queued": "info",
    "sent": "success",
    "delivered": "success",
    "bounced": "danger",
    "complained": "danger",
    "suppressed": "warning",
    "unsubscribed": "warning",
    "failed": "danger",
    "unknown": "warning",
    "cancelled": "",
}
_TAKEN: Final = (_Became.SENT, _Became.DELIVERED, _Became.BOUNCED, _Became.COMPLAINED)
_STILL: Final = (*MailingRecipient.OPEN, _Became.CANCELLED)
_MANY: Final = 50_000  # recipients that are not counted every second
_NEXT: Final = {
    State.DRAFT: "Nothing is sent. Check it next: that writes down who gets it, and tries to write the email for each.",
    State.CANCELLED: "Cancelled: nothing more of it is sent.",
}


def people(number: int) -> str:
    """Return a number of people."""
    return "1 person" if number == 1 else f"{number:,} people"


def is_checking(mailing: Mailing) -> bool:
    """Tell whether a check waits or runs."""
    return mailing.check_asked_at is not None


def standing(mailing: Mailing) -> dict[str, Any]:
    """Return how far it has come: the part of its page that is read anew all the time."""
    counted = progress.counts(mailing)
    word = "checking" if is_checking(mailing) else mailing.state
    total = sum(counted.values())
    return {
        "state": Label(text=word, colour=COLOURS[word]),
        "sentence": _sentence(mailing, counted),
        "percent": _percent(mailing, counted),
        "pace": pace(mailing),
        "left": duration(progress.eta_seconds(mailing, dict(counted))),
        "counts": [(each, f"{n:,}", OF_RECIPIENTS[each]) for each, n in counted.items() if n]
        if _began(mailing)
        else [],
        "going": is_checking(mailing) or mailing.state in Mailing.UNCHANGED or _is_ending(mailing),
        "every": 1 if total < _MANY and mailing.state != State.SCHEDULED else 5,
        "mark": f"{word} {bool(mailing.finished_at)}",
    }


def _is_ending(mailing: Mailing) -> bool:
    return mailing.state == State.CANCELLED and mailing.finished_at is None


def _began(mailing: Mailing) -> bool:
    return mailing.state not in (State.DRAFT, State.CHECKED)


def _sentence(mailing: Mailing, counted: Counts) -> SafeString | str:
    if is_checking(mailing):
        return "It is being checked: who gets it, and whether it can be written for each. Nothing is sent."
    if mailing.state == State.CHECKED:
        return _checked(mailing)
    if mailing.state == State.SCHEDULED:
        return _waits(mailing)
    return _begun(mailing, counted)


def _waits(mailing: Mailing) -> SafeString:
    begins = own_zone(mailing.send_at) if mailing.send_at else "at once"
    return format_html("It begins {}, for {}.", begins, people(mailing.recipient_count))


def _checked(mailing: Mailing) -> str:
    out = mailing.check_result
    number = out["recipients"]
    if not number:
        return (
            "Checked: nobody would get it. Its group has no subscribed member, or all of them are excluded."
        )
    less = out["suppressed"] + out["render_failures"]
    but = f" Up to {people(less)} of them will not get it, for the reasons below." if less else ""
    return f"Checked and ready to be sent to {people(number)}.{but}"


def _begun(mailing: Mailing, counted: Counts) -> str:
    total = people(sum(counted.values()))
    taken, wait = (sum(counted[each] for each in several) for several in (_TAKEN, MailingRecipient.OPEN))
    if mailing.state == State.SENDING:
        return f"It is being sent: {taken:,} of {total} so far."
    if mailing.state == State.PAUSED:
        return f"Paused: {taken:,} of {total} have been sent it, {wait:,} wait. {mailing.reason}"
    if mailing.state == State.DONE:
        return f"Done: {taken:,} of {total} were sent it."
    said = _NEXT[State(mailing.state)]
    return f"{said} {taken:,} of {total} were sent it before." if _began(mailing) else said


def _percent(mailing: Mailing, counted: Counts) -> float | None:
    if is_checking(mailing):
        return _share(mailing.check_result.get("recipients", 0), rules.members(mailing))
    if not _began(mailing) or mailing.state == State.SCHEDULED:
        return None
    total = sum(counted.values())
    return _share(total - sum(counted[each] for each in _STILL), total)


def _share(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 100.0


def pace(mailing: Mailing) -> str:
    """Return how many a second leave; empty where none do."""
    return f"{mailing.pace:,.1f} a second" if mailing.state == State.SENDING and mailing.pace else ""


def duration(seconds: float | None) -> str:
    """Return a length of time in words; empty where nobody knows it."""
    if seconds is None:
        return ""
    for name, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 1.5 * length:
            return f"about {round(seconds / length)} {name}s"
    return "about a minute" if seconds >= 45 else "less than a minute"


def own_zone(when: datetime) -> SafeString:
    """Return a time that the page's script writes in the zone of whoever reads it."""
    told = '<time class="gm-own-zone" datetime="{}">{} UTC</time>'
    return format_html(told, when.isoformat(), f"{when.astimezone(UTC):%d %b %Y %H:%M}")


def bar(mailing: Mailing) -> SafeString | str:
    """Return how many are behind it, for the list."""
    if not _began(mailing) or not mailing.recipient_count:
        return "–"
    rows = progress.recipients(mailing).filter(state__in=_STILL)
    over = mailing.recipient_count - (0 if mailing.state == State.DONE else rows.count())
    told = '<progress class="gm-progress gm-in-list" max="{0}" value="{1}" aria-label="{1} of {0}"></progress>{2}'
    return format_html(told, mailing.recipient_count, over, f"{over:,} of {mailing.recipient_count:,}")


def left(mailing: Mailing) -> str:
    """Return how long it will still take, for the list."""
    if mailing.state != State.SENDING:
        return "–"
    open_ = progress.recipients(mailing).filter(state__in=MailingRecipient.OPEN).count()
    counted = {**dict.fromkeys(_Became.values, 0), _Became.WAITING.value: open_}
    return duration(progress.eta_seconds(mailing, counted)) or "–"
