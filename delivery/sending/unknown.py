"""Unknown emails, which may or may not have been sent: resent by the client's policy, or settled by a person."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from delivery.access import audit
from delivery.audience import results
from delivery.counting import counters
from delivery.db import clock
from delivery.models import Attempt, Email, Recipient
from delivery.models.email import DEADLINE
from delivery.sending import notices, outcomes
from delivery.sending.outcomes import Outcome
from providers.base import Provider

MOST = 3  # unknown attempts of one email; after them it is not sent again automatically
_SENT, _NOT_SENT = "Settled by a person: it was sent.", "Settled by a person: it was not sent."
_Status, _Outcome = Email.Status, Attempt.Outcome


def resend_at(email: Email) -> datetime | None:
    """Return when an email is sent again after an attempt that may have sent it; None: not automatically."""
    providers = _in_doubt(email)
    if email.on_ambiguous == Email.OnAmbiguous.STOP or len(providers) >= MOST:
        return None
    return clock.now() + timedelta(seconds=max(map(hold, providers), default=settings.GOMAIL_HOLD_SECONDS))


def hold(provider: str) -> int:
    """Return the seconds in which an answer or an event of this provider may still tell what became of an email."""
    seconds: int = settings.GOMAIL_HOLDS.get(provider, settings.GOMAIL_HOLD_SECONDS)
    return seconds


def outcome(email: Email, reason: str) -> Outcome:
    """Return the outcome of an attempt that may have sent the email, by the email's policy."""
    return outcomes.unknown(reason, resend_at=resend_at(email))


def asked_first(email: Email, providers: Sequence[Provider]) -> list[Provider]:
    """Return the providers with the one that may already have the email first: a third copy helps nobody."""
    holder = _may_have_it(email) if email.possible_duplicate else ""
    return sorted(providers, key=lambda provider: provider.name != holder)


def confirm(email: Email, *, by: str) -> bool:
    """Settle an unknown email as sent, for the person `by`; False if it is not unknown any more."""
    now, provider = clock.now(), _may_have_it(email)
    with transaction.atomic():
        settled = Email.objects.filter(pk=email.pk, status=_Status.UNKNOWN).update(
            status=_Status.SENT,
            provider=provider,
            reason=_SENT,
            due_at=None,
            finished_at=now,
        )
        if settled:
            _settle(email, _Outcome.ACCEPTED, by, now)
            _recipients(email).update(status=Recipient.Status.ACCEPTED)
            notices.settled(email, _Status.SENT, provider=provider, reason=_SENT)
            _follow(email)
    return bool(settled)


def deny(email: Email, *, by: str) -> bool:
    """Settle an unknown email as not sent, for the person `by`, and queue it; False if it is not unknown any more."""
    now = clock.now()
    with transaction.atomic():
        settled = Email.objects.filter(pk=email.pk, status=_Status.UNKNOWN).update(
            status=_Status.QUEUED,
            possible_duplicate=False,
            reason=_NOT_SENT,
            due_at=now,
            expires_at=now + DEADLINE,
            finished_at=None,
            epoch=F("epoch") + 1,  # fences off late answers of earlier claims
        )
        if settled:
            _settle(email, _Outcome.NOT_SENT, by, now)
            _recipients(email).update(status=Recipient.Status.PENDING)
            notices.settled(email, _Status.QUEUED, reason=_NOT_SENT)
            _follow(email)
    return bool(settled)


def accepted_after_all(email: Email) -> Attempt | None:
    """Return the first accepted attempt: its answer may have come after the email was sent again."""
    return Attempt.objects.filter(email=email, outcome=_Outcome.ACCEPTED).order_by("id").first()


def is_certain(email: Email, *, but: Attempt) -> bool:
    """Tell whether no attempt but this one may have sent the email."""
    may_have = (*Attempt.IN_DOUBT, _Outcome.ACCEPTED)
    return not Attempt.objects.filter(email=email, outcome__in=may_have).exclude(pk=but.pk).exists()


def _follow(email: Email) -> None:
    if email.mailing_id:
        results.follow([email.pk])


def _settle(email: Email, outcome: str, by: str, now: datetime) -> None:
    transaction.on_commit(partial(counters.settled, "person"))
    _unknown(email).update(outcome=outcome, settled_by=by, settled_at=now)
    audit.record("email.settled", "email", email.pk, team=email.team_id, after={"outcome": outcome})


def _may_have_it(email: Email) -> str:
    return _unknown(email).order_by("-id").values_list("provider", flat=True).first() or ""


def _in_doubt(email: Email) -> list[str]:
    """Return the provider of each attempt in doubt; the current one is still `started` in the database, and in it."""
    in_doubt = Attempt.objects.filter(email=email, outcome__in=Attempt.IN_DOUBT)
    return list(in_doubt.order_by("id").values_list("provider", flat=True))


def _unknown(email: Email) -> QuerySet[Attempt]:
    return Attempt.objects.filter(email=email, outcome=_Outcome.UNKNOWN)


def _recipients(email: Email) -> QuerySet[Recipient]:
    return Recipient.objects.filter(email=email, status=Recipient.Status.UNKNOWN)
