"""The attempts of one claimed email: each row is durable before its call, and gets the outcome after it."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from delivery import journal
from delivery.content import addresses
from delivery.counting import context, counters, spans
from delivery.db import clock, compiled, outages
from delivery.db.compiled import Parameter
from delivery.db.group_commit import GroupCommit
from delivery.db.inserts import Insert
from delivery.db.text import storable
from delivery.models import Attempt, Email
from delivery.models.email import LEASE
from delivery.queue import watermark
from providers import failpoints
from providers.base import Answer, Provider
from providers.errors import ProviderError, Unknown
from providers.message import Message, Receipt

EVENT = "event:"  # how settled_by begins where an event has settled the attempt
log = logging.getLogger(__name__)
ANSWER = ("outcome", "provider_message_id", "error", "code", "detail", "latency_ms")


class ClaimLost(Exception):
    """Our claim has ended and another process may have the email: stop working on it."""


class AcceptedBefore(Exception):
    """A provider has the email by an earlier attempt, as an event or a late answer has told: offer it to nobody."""


def write(email: Email, provider: Provider) -> Attempt:
    """Insert the attempt that is about to be made; the caller has made sure of the claim."""
    attempt = _started(email, provider)
    _WRITTEN.run([attempt])
    return attempt


def begin(email: Email, provider: Provider) -> Attempt:
    """Renew the lease and insert the attempt in one transaction.

    Raises ClaimLost if the lease has ended, and AcceptedBefore.
    """
    return _begun.ask((email, provider))


def begin_all(
    parts: Sequence[tuple[Email, Provider]], hold: Callable[..., None] | None = None
) -> list[Attempt]:
    """Do the same for many in one transaction; raise ClaimLost or AcceptedBefore, beginning none, for any of them.

    `hold`: makes sure of the claims of these emails, until the transaction ends, in another way than by renewing them.
    """
    with transaction.atomic():
        # In the order in which events lock emails, too; what an event is settling may be sent again at this moment.
        (hold or _hold)(*sorted((email for email, _ in parts), key=lambda email: email.pk))
        if any(_was_accepted(email) for email, _ in parts):
            raise AcceptedBefore
        started = [_started(email, provider) for email, provider in parts]
        _WRITTEN.run(started)
        return started


_begun = GroupCommit(begin_all)


def store(last: Attempt) -> bool:
    """Store an attempt's outcome, unless a person or an event has settled it; tell whether it was stored.

    Else only the other columns are. The caller holds the transaction.
    """
    answer = _answer(last)
    if _ANSWERED.run(**answer) or _confirmed(last):
        return True
    del answer["outcome"]
    if Attempt.objects.filter(pk=answer.pop("pk")).update(**answer):
        return False
    put_back(last)  # an older state of the database has come back meanwhile
    return True


def store_all(attempts: Sequence[Attempt]) -> None:
    """Store many outcomes; raise ClaimLost if a person has settled one: then each must be stored alone."""
    if _ANSWERED.run_together([_answer(attempt) for attempt in attempts]) < len(attempts):
        raise ClaimLost


def put_back(attempt: Attempt) -> None:
    """Write down an attempt that the database does not know any more, with what it came to."""
    _WRITTEN.run([attempt])


def _started(email: Email, provider: Provider) -> Attempt:
    return Attempt(email=email, provider=provider.name, epoch=email.epoch, started_at=clock.now())


def _confirmed(last: Attempt) -> int:
    """Store an acceptance that an event has told before: then there was no doubt to settle."""
    if last.outcome != Attempt.Outcome.ACCEPTED:
        return 0
    told = Attempt.objects.filter(pk=last.pk, settled_by__startswith=EVENT)
    answer = {name: getattr(last, name) for name in ANSWER}
    return told.update(**answer, settled_by="", settled_at=None)


def _has_it(last: Attempt) -> bool:
    return Attempt.objects.filter(pk=last.pk, outcome=Attempt.Outcome.ACCEPTED).exists()


def _was_accepted(email: Email) -> bool:
    """Tell whether an earlier attempt was accepted after all; the email's row is locked.

    Only what is sent again may have been: it costs the others no statement.
    """
    if not email.possible_duplicate:
        return False
    return Attempt.objects.filter(email=email, outcome=Attempt.Outcome.ACCEPTED).exists()


def _answer(last: Attempt) -> dict[str, Any]:
    return {"pk": last.pk, **{name: getattr(last, name) for name in ANSWER}}


def _hold(*emails: Email) -> None:
    if _HELD.run_all([{"pk": email.pk, "epoch": email.epoch} for email in emails]) == len(emails):
        return
    clock.measure()  # a lease that looks over because the clock was set is ours until another process has claimed it
    if not clock.has_jumped(within=LEASE) or not all(_hold_again(email) for email in emails):
        raise ClaimLost


def _hold_again(email: Email) -> int:
    return email.still_mine().update(lease_until=Now() + LEASE)


def _holding() -> compiled.Change:
    mine = Email.objects.filter(pk=Parameter("pk"), epoch=Parameter("epoch"), status=Email.Status.SENDING)
    return mine.filter(lease_until__gt=Now()), {"lease_until": Now() + LEASE}


def _answering() -> compiled.Change:
    unsettled = Attempt.objects.filter(pk=Parameter("pk"), settled_by="")
    return unsettled, {name: Parameter(name) for name in ANSWER}


_WRITTEN = Insert(Attempt)
_HELD, _ANSWERED = compiled.Update(_holding), compiled.Update(_answering)


class Log:
    """Makes and records the attempts of one round.

    The outcome of the last attempt is in the journal and in memory until it is stored in one transaction with the
    start of the next attempt, or with the outcome of the email. Then it is passed to `learn`.
    """

    def __init__(
        self,
        email: Email,
        first: Attempt,
        learn: Callable[[Attempt, Answer], None],
        begin: Callable[[Provider], None],
    ) -> None:
        """Take the first attempt, which is durable already, and two functions.

        `learn` gets each stored outcome; `begin` is called before each call of a provider, and may wait.
        """
        self._email = email
        self._begin = begin
        self._prepared: Attempt | None = first
        self._learn = learn
        self._unlearned: Answer | None = None
        self._recipients = ""
        self._pending: journal.Pending = None
        self.entry: journal.Entry | None = None  # the last attempt's outcome, until the database has it
        self.last = first

    def attempt(self, provider: Provider, message: Message) -> Receipt:
        """Offer the message to one provider, and keep the answer; the signature that `failover.send` asks for."""
        self._recipients = self._recipients or _fingerprint(message)
        self.last = self._take_prepared() or self._next(provider)
        context.note(attempt=self.last.pk, provider=provider.name)
        failpoints.reach("after-attempt-row", about=self._email.subject)
        self._begin(provider)
        started = time.monotonic()
        try:
            with spans.span("email.send", kind="CLIENT"):
                receipt = _readable(provider.send(message, str(self.last.pk)))
        except ProviderError as error:
            reason = error.reason if error.reason != error.detail else ""
            told = {"code": error.code[:100], "detail": error.detail, "reason": reason}
            self._keep(started, error, error=error.kind, **told)
            raise
        self._keep(
            started, receipt, provider_message_id=receipt.message_id[:255], detail=receipt.account_problem
        )
        return receipt

    def tell(self) -> None:
        """Release the journal's entry and pass the last outcome to `learn`, once; the database has it now."""
        answer, self._unlearned = self._unlearned, None
        journal.release(self._pending)
        self._pending = self.entry = None
        if answer is not None:
            self._learn(self.last, answer)

    def _take_prepared(self) -> Attempt | None:
        prepared, self._prepared = self._prepared, None
        return prepared

    def _next(self, provider: Provider) -> Attempt:
        following = outages.insist(lambda: self._store_and_begin(provider))
        self.tell()
        if following is None:
            raise Unknown(
                f"{self.last.provider} did not accept the email, and a provider turns out to have it."
            )
        return following

    def _store_and_begin(self, provider: Provider) -> Attempt | None:
        with transaction.atomic():
            _hold(
                self._email
            )  # the email's row first, as everywhere: a fixed order of locks prevents deadlocks
            if (not store(self.last) and _has_it(self.last)) or _was_accepted(self._email):
                return None
            return write(self._email, provider)

    def _keep(self, started: float, answer: Answer, **columns: str) -> None:
        failpoints.reach("after-response")
        self._unlearned = answer
        self.last.outcome = answer.outcome if isinstance(answer, ProviderError) else Attempt.Outcome.ACCEPTED
        took = time.monotonic() - started
        self.last.latency_ms = round(took * 1000)
        for field, value in columns.items():
            setattr(self.last, field, storable(value))
        self.entry = _entry(self.last, answer, self._recipients)
        self._pending = journal.write(self.entry)
        counters.attempted(self.last.provider, self.last.outcome, took)
        _log(self.last)
        failpoints.reach("after-journal")


def _log(last: Attempt) -> None:
    """Write the line of an attempt. The vendor's words are in the admin: they quote people's addresses."""
    facts = {
        "event.action": "attempt",
        "event.outcome": "success" if last.outcome == Attempt.Outcome.ACCEPTED else "failure",
        "error.type": last.error,
        "error.code": last.code,
        "duration_ms": last.latency_ms,
    }
    why = " ".join(filter(None, (last.error, last.code)))
    said = f"{last.provider}: {last.outcome}{f' ({why})' if why else ''} in {last.latency_ms} ms"
    log.info("%s", said, extra={"facts": {name: fact for name, fact in facts.items() if fact != ""}})


def _entry(last: Attempt, answer: Answer, recipients: str) -> journal.Entry:
    return journal.Entry(
        attempt=str(last.pk),
        email=str(last.email_id),
        team=str(last.email.team_id or journal.NOBODY),
        epoch=last.epoch,
        provider=last.provider,
        recipients=recipients,
        at=clock.now().isoformat(),
        database=watermark.name(),
        reason=last.reason,
        refused={} if isinstance(answer, ProviderError) else answer.refused,
        **{name: getattr(last, name) for name in ANSWER},
    )


def _fingerprint(message: Message) -> str:
    boxes = (*message.to, *message.cc, *message.bcc)
    return addresses.fingerprint(addresses.canonical(box.address) for box in boxes)


def _readable(receipt: Receipt) -> Receipt:
    """Return the receipt with storable texts: an acceptance must not fail on a vendor's words."""
    refused = {storable(address): storable(reason) for address, reason in receipt.refused.items()}
    return replace(receipt, refused=refused) if refused else receipt
