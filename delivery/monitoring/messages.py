"""The words that people are told of incidents by: plain text, that every channel can carry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from delivery.models import Alert, Incident

_Word = Alert.Word
_TITLES: Final = {
    _Word.OPENED: "",
    _Word.REMINDED: "still: ",
    _Word.ENDED: "over: ",
    _Word.PASSED: "is over: ",
}
_MOST_LINES: Final = 50  # of a digest
OF_PROVIDERS: Final = frozenset(  # their subject is the provider's name
    {Incident.Kind.CIRCUIT, Incident.Kind.ACCOUNT, Incident.Kind.QUOTA, Incident.Kind.DRILL}
)
_GUIDE: Final = "docs/alerts.md"


@dataclass(frozen=True, kw_only=True)
class Message:
    """What people are told."""

    word: Alert.Word
    title: str
    text: str
    providers: frozenset[str] = frozenset()  # that are in trouble: it must not go through them


@dataclass(frozen=True, kw_only=True)
class News:
    """An incident, and what is to be told of it."""

    incident: Incident
    word: Alert.Word


def one(news: News, now: datetime) -> Message:
    """Return the message about one incident."""
    incident = news.incident
    parts = [incident.said, _time(incident, now), _flaps(incident), _what_to_do(incident)]
    return Message(
        word=news.word,
        title=f"{_site()}: {_TITLES[news.word]}{incident}",
        text="\n\n".join(filter(None, parts)),
        providers=around([news]),
    )


def digest(several: Sequence[News]) -> Message:
    """Return the message about many incidents at once."""
    lines = [f"- {_TITLES[news.word]}{news.incident}" for news in several[:_MOST_LINES]]
    if len(several) > _MOST_LINES:
        lines.append(f"and {len(several) - _MOST_LINES} more")
    lead = "More has happened than single messages should tell:"
    return Message(
        word=_Word.DIGEST,
        title=f"{_site()}: {len(several)} alerts at once",
        text="\n\n".join(filter(None, [lead, "\n".join(lines), _link("admin/delivery/incident/")])),
        providers=around(several),
    )


def test() -> Message:
    """Return a message that tells of nothing."""
    said = "This is a test of GOMAIL_ALERT_URLS. Nothing is wrong."
    return Message(word=_Word.DIGEST, title=f"{_site()}: a test", text=said)


def around(several: Sequence[News]) -> frozenset[str]:
    """Return the providers in trouble among these."""
    return frozenset(news.incident.subject for news in several if news.incident.kind in OF_PROVIDERS)


def section(incident: Incident) -> str:
    """Return the section that says what to do about it."""
    return f"{_GUIDE}#{incident.kind}"


def _site() -> str:
    host = urlsplit(settings.GOMAIL_PUBLIC_URL).hostname
    return f"GoMail at {host}" if host else "GoMail"


def _time(incident: Incident, now: datetime) -> str:
    since = f"since {_moment(incident.opened_at)}"
    if incident.closed_at:
        return f"It was there {since}, until {_moment(incident.closed_at)}."
    return f"It has been there {since}{_for(now - incident.opened_at)}."


def _for(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    if minutes < 2:
        return ""
    return f", for {minutes} minutes" if minutes < 120 else f", for {minutes // 60} hours"


def _flaps(incident: Incident) -> str:
    times = "once" if incident.flaps == 1 else f"{incident.flaps} times"
    return f"It has gone and come back {times} meanwhile." if incident.flaps else ""


def _what_to_do(incident: Incident) -> str:
    guide = "" if incident.closed_at else f"What to do: {section(incident)}"
    return "\n".join(filter(None, [guide, _link(f"admin/delivery/incident/{incident.pk}/change/")]))


def _link(path: str) -> str:
    return f"{settings.GOMAIL_PUBLIC_URL}/{path}" if settings.GOMAIL_PUBLIC_URL else ""


def _moment(when: datetime) -> str:
    return f"{when:%d %b %Y %H:%M:%S} UTC"
