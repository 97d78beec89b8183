"""Emails that wait in a queue of b's: python -m benchmarks.peer.backlog database|celery|forget [NUMBER]."""

import sys

import django

_TEXT = ("Hello, this is a line of an ordinary letter to somebody.\n" * 20)[:850]


def main(queue: str, number: int) -> None:
    if queue == "database":
        from benchmarks.peer import database_queue

        for pk in _rows(number):
            database_queue.send.enqueue(pk)
    elif queue == "celery":
        from benchmarks.peer import celery_queue

        for pk in _rows(number):
            celery_queue.send.delay(pk)
    else:
        _forget()


def _rows(number: int) -> list[int]:
    from benchmarks.peer.models import Email

    rows = [
        Email(
            from_address="bench@example.org",
            to_addresses=[f"person{place}@example.org"],
            subject=f"Your order {place} is on its way",
            body=_TEXT,
        )
        for place in range(number)
    ]
    return [row.pk for row in Email.objects.bulk_create(rows)]


def _forget() -> None:
    """Delete what this run has made in the broker."""
    from benchmarks.peer import celery_queue

    with celery_queue.app.connection() as connection:
        channel = connection.default_channel
        channel.queue_delete(celery_queue.app.conf.task_default_queue)
        channel.exchange_delete(celery_queue.app.conf.task_default_queue)


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], int((sys.argv[2:] or ["0"])[0]))
