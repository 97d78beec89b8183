"""Checks of the events that providers send: whether they come, whether some were lost, whether some cannot be read."""

from delivery.doctor.findings import Finding, Tally, Words, noted
from delivery.events import polling
from delivery.events.polling import UNREADABLE
from delivery.models import ProviderEvent
from delivery.monitoring import arrivals
from delivery.monitoring.arrivals import MOST_UNTOLD, State
from delivery.routing import configured

_UNREADABLE = Words(
    question="unreadable_events",
    well="Whatever providers have told of their mail could be read.",
    broken="Posts of providers and messages of queues that could not be read, and are kept as events `other`",
    todo="Look at what they hold (`raw` of the event): something else may write to a queue, or a vendor has changed "
    "its form.",
)


def events_come() -> Finding:
    """Check that each account whose events are connected still tells of its mail."""
    words = Words(
        question="events",
        well="No provider whose events are connected has fallen silent.",
        broken="Providers that accepted mail more than 20 minutes ago and have told nothing since",
        todo="`manage.py connect_events` with the provider's name says what is missing, and mends it. With a queue a "
        "worker must be running.",
    )
    tally = Tally()
    for provider in configured.providers():
        if arrivals.of(provider).state is State.SILENT:
            tally.add(provider.name)
    return tally.finding(words)


def no_event_is_missing() -> Finding:
    """Report the accepted mails of the last three days of which no event has come, while others came."""
    counts = {name: arrivals.untold(name)[: MOST_UNTOLD + 1].count() for name in configured.names()}
    missing = {name: count for name, count in counts.items() if count}
    if not missing:
        sentence = "Of every mail that a connected provider has accepted, an event has come."
        return Finding(question="untold", sentence=sentence)
    return Finding(
        question="untold",
        sentence="Mails of the last three days that providers have accepted and told nothing of: "
        f"{', '.join(f'{name} {_number(count)}' for name, count in missing.items())}.",
        is_note=True,
        count=sum(missing.values()),
        examples=[_words(name) for name in missing],
        todo="What became of them is known to the provider alone. docs/connecting-events.md says which way loses none.",
    )


def every_message_is_read() -> Finding:
    """Report what providers have told and could not be read."""
    tally = Tally()
    found = ProviderEvent.objects.filter(email=None, name=UNREADABLE).order_by("-id")
    for row in found[:MOST_UNTOLD]:
        tally.add(f"{row.account}: {row.raw.get('queue_message', row.pk)}")
    return noted(tally.finding(_UNREADABLE))


def _words(name: str) -> str:
    if name in polling.queues():
        return (
            f"{name}: its events wait in a queue for 14 days; look whether its mails have a configuration set"
        )
    return (
        f"{name}: it posts to a URL; while that is away for hours, its events are lost (SNS: after one hour)"
    )


def _number(count: int) -> str:
    return f"more than {MOST_UNTOLD:,}" if count > MOST_UNTOLD else f"{count:,}"
