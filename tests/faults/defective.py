"""Runs a part of GoMail with a defect that it does not have, so that the harness can show that it would be seen.

    python -m tests.faults.defective no-epoch -- manage.py worker
    python -m tests.faults.defective no-journal,slow-reading -- -m tests.faults.keeper 2

The defects live here and nowhere in the service: each changes the running code from outside, before it is used.
So do tests.faults.circumstances, which are none.
"""

import os
import runpy
import sys
from dataclasses import replace
from typing import Any

from tests.faults import circumstances
from tests.faults.circumstances import Change

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gomail.settings")


def commit_after_send() -> None:
    """The attempt's row is written after the provider's call, not before it."""
    from delivery.models import Attempt
    from delivery.sending import attempts

    def write(email: Any, provider: Any) -> Attempt:
        return Attempt(email=email, provider=provider.name, epoch=email.epoch)

    attempts.write = write
    attempts.store = lambda last: last.save()


def no_epoch() -> None:
    """A claim belongs to whoever believes so at its end: nobody looks whether another process has it by now."""
    from delivery.db import compiled
    from delivery.models import Email
    from delivery.sending import transitions

    def move() -> compiled.Change:
        _, changes = transitions._moving()
        return Email.objects.filter(pk=compiled.Parameter("pk")), changes

    transitions._MOVED = compiled.Update(move)
    Email.still_mine = lambda email: Email.objects.filter(pk=email.pk)  # type: ignore[method-assign, return-value]


def claim_unchecked() -> None:
    """An attempt begins whether its claim still holds or not."""
    from delivery.sending import attempts

    attempts._hold = lambda *emails: None


def told_too_early() -> None:
    """A webhook counts as told when somebody is about to post it."""
    from delivery.models import WebhookMessage
    from delivery.webhooks import claims

    def take(room: Any) -> Any:
        messages = was(room)
        WebhookMessage.objects.filter(pk__in=[one.pk for one in messages]).update(due_at=None)
        return messages

    was, claims.take = claims.take, take


def _soon(work: Any, seconds: float = 0.5) -> None:
    """Do it a moment later, when the answer is on its way."""
    import threading

    from django.db import connection

    def done() -> None:
        work()
        connection.close()

    threading.Timer(seconds, done).start()


def taken_too_early() -> None:
    """A vendor's event is answered, and kept a moment later."""
    from delivery.events import record

    def later(account: str, events: Any, **more: Any) -> Any:
        _soon(lambda: was(account, events, **more))
        return record.Tally(new=len(events))

    was, record.record = record.record, later


def effects_apart() -> None:
    """A vendor's event is kept in one transaction, and what follows from it in another one, a moment later."""
    from django.db import transaction

    from delivery.events import record

    def follow(told: Any, attempts: Any) -> None:
        transaction.on_commit(lambda: _soon(lambda: together(told, attempts), 2.0))

    def together(told: Any, attempts: Any) -> None:
        with transaction.atomic():
            was(told, attempts)

    was, record.follow = record.follow, follow


def repeats_counted() -> None:
    """An event that is told again has its effect again."""
    from delivery.events import record

    class All:
        def run_new(self, rows: Any) -> Any:
            written.run_new(rows)
            return {row.pk for row in rows}

    written, record._written = record._written, All()  # type: ignore[assignment]


def timeout_not_sent() -> None:
    """A vendor that has read a mail and does not answer in time is taken for one that has not got it."""
    from urllib3.exceptions import ReadTimeoutError

    from providers.errors import ProviderError, Unavailable
    from providers.wire import http

    def lost(name: str, error: Exception, body: Any) -> ProviderError:
        return Unavailable("timed out") if isinstance(error, ReadTimeoutError) else was(name, error, body)

    was, http._lost = http._lost, lost


def no_renewal() -> None:
    """A claim ends while its process is alive and at work."""
    from delivery.queue import leases

    leases.renew = lambda: 0


def unmarked() -> None:
    """A copy of what may have been sent does not say so, nor does an email of which a late copy has come to light."""
    from delivery.models import Email
    from delivery.queue import claims
    from delivery.sending import transitions

    def settle(email: Any, outcome: Any, attempt: Any) -> None:
        mine = Email.objects.filter(pk=email.pk)
        before = mine.values_list("possible_duplicate", flat=True).get()
        settled(email, outcome, attempt)
        mine.update(possible_duplicate=before)

    changes = claims._changes
    claims._changes = lambda: {k: v for k, v in changes().items() if k != "possible_duplicate"}
    claims._INNOCENT = claims._claim(claims.EmailQuerySet.innocent)
    claims._taken = claims.GroupCommit(lambda pks: claims._take(claims._INNOCENT, pks))
    settled, transitions._settle_late = transitions._settle_late, settle


def forgetful_journal() -> None:
    """The journal forgets an answer before the database has it."""
    from delivery import journal

    def write(entry: Any) -> Any:
        pending = written(entry)
        if pending:
            os.truncate(pending.path, 0)
        return pending

    written, journal.write = journal.write, write


def misnaming() -> None:
    """The record names another provider than the one that has accepted an email."""
    from delivery.sending import outcomes

    def sent(receipt: Any) -> Any:
        return told(replace(receipt, provider="sendgrid" if receipt.provider == "ses" else "ses"))

    told, outcomes.sent = outcomes.sent, sent


def bcc_dropped() -> None:
    """Who was to get a hidden copy is forgotten when an email is offered again."""
    from delivery.bundles import Bundle

    def message(bundle: Any) -> Any:
        whole = made(bundle)
        return whole if bundle.email.rounds < 2 else replace(whole, bcc=())

    made, Bundle.message = Bundle.message, message  # type: ignore[method-assign]


def files_unchecked() -> None:
    """An attachment is sent as it lies on disk, whatever was promised."""
    from delivery import bundles

    def file(row: Any) -> Any:
        return replace(made(row), sha256="")

    made, bundles.file = bundles.file, file


def ttl_lock() -> None:
    """A claim that has run out is free, whatever its owner is doing; nobody asks what it has begun."""
    from delivery.models import Email
    from delivery.recovery import rescue
    from delivery.sending import outcomes, transitions

    def recover(email: Any, known: Any) -> None:
        if email.take_over():
            transitions.move(
                email, Email.objects.filter(pk=email.pk), outcomes.at_once("Its lock has run out.")
            )

    no_epoch()
    claim_unchecked()
    circumstances.short_lease()
    rescue.recover = recover


def deferred() -> None:
    """SQLite takes its write lock in the middle of a transaction, as Django's default is."""
    from gomail import settings

    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        settings.DATABASES["default"]["OPTIONS"]["transaction_mode"] = "DEFERRED"


def requeue_stop() -> None:
    """What may have been sent is sent again, also where its sender has forbidden that."""
    from delivery.sending import unknown

    def resend_at(email: Any) -> Any:
        before, email.on_ambiguous = email.on_ambiguous, "resend"
        try:
            return asked(email)
        finally:
            email.on_ambiguous = before

    asked, unknown.resend_at = unknown.resend_at, resend_at


def no_journal() -> None:
    """What a provider answers is in memory only until the database has it."""
    from delivery import journal

    journal.write = lambda entry: None


def async_commit() -> None:
    """Whatever the server's default is: it may answer a commit that is not on disk yet."""
    from delivery.db import session

    session._DURABLE = "SELECT 1"


def trusting() -> None:
    """Nobody asks whether the database is as far as it was."""
    from delivery.queue import watermark

    watermark.look = lambda: None


BEFORE_MODELS: dict[str, Change] = {"deferred": deferred}
CHANGES: dict[str, Change] = {
    "commit-after-send": commit_after_send,
    "no-epoch": no_epoch,
    "ttl-lock": ttl_lock,
    "requeue-stop": requeue_stop,
    "no-journal": no_journal,
    "claim-unchecked": claim_unchecked,
    "timeout-not-sent": timeout_not_sent,
    "told-too-early": told_too_early,
    "no-renewal": no_renewal,
    "unmarked": unmarked,
    "forgetful-journal": forgetful_journal,
    "misnaming": misnaming,
    "bcc-dropped": bcc_dropped,
    "files-unchecked": files_unchecked,
    "async-commit": async_commit,
    "trusting": trusting,
    "taken-too-early": taken_too_early,
    "effects-apart": effects_apart,
    "repeats-counted": repeats_counted,
}
KNOWN = CHANGES | BEFORE_MODELS | circumstances.CHANGES


def apply(names: str) -> None:
    """Change the running code; afterwards Django is set up."""
    import django

    wanted = names.split(",")
    for name in wanted:
        BEFORE_MODELS.get(name, lambda: None)()
    django.setup()
    for name in wanted:
        KNOWN[name]()


def main(names: str, separator: str, *command: str) -> None:
    """Run the command as Python would, after the changes."""
    assert separator == "--"
    apply(names)
    if command[0] == "-m":
        sys.argv = [*command[1:]]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [*command]
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
