"""Emails that wait for GoMail's worker: python -m benchmarks.backlog NUMBER; prints how many seconds accepting took."""

import sys
import time

import django

_CHUNK = 1000  # as in a request of batches/
_TEXT = ("Hello, this is a line of an ordinary letter to somebody.\n" * 20)[:850]


def main(number: int) -> None:
    from delivery.models import Team
    from delivery.submission import batches

    team = Team.objects.get()
    items = _items(number)
    batches.accept(items[:1], team=team)  # the connection, and whatever is looked up once
    started = time.perf_counter()
    for start in range(1, number, _CHUNK):
        batches.accept(items[start : start + _CHUNK], team=team)
    print(time.perf_counter() - started)


def _items(number: int) -> list["batches.Item"]:  # noqa: F821 - importable only once Django is set up
    from delivery.content.drafts import Draft
    from delivery.submission import batches
    from providers.message import Mailbox

    return [
        batches.Item(
            draft=Draft(
                sender=Mailbox(address="bench@example.org"),
                to=(Mailbox(address=f"person{place}@example.org"),),
                subject=f"Your order {place} is on its way",
                text=_TEXT,
            )
        )
        for place in range(number)
    ]


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
