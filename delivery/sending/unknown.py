"""What is done about an email that may or may not have been sent: by the caller's policy, or by a person."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from delivery.models import Attempt, Email, Recipient
from delivery.models.email import DEADLINE
from delivery.sending import outcomes
from delivery.sending.outcomes import Outcome
from providers.base import Provider

MOST = 3  # attempts of one email whose outcome is unknown; then only a person, or the provider, can tell
_Status, _Outcome = Email.Status, Attempt.Outcome


def resend_at(email: Email) -> datetime | None:
    """Return when an email is sent again after an attempt that may have sent it; None: not by itself."""
    if email.on_ambiguous == Email.OnAmbiguous.STOP or _not_known(email) >= MOST:
        return None
    return timezone.now() + timedelta(seconds=settings.GOMAIL_HOLD_SECONDS)


def outcome(email: Email, reason: str) -> Outcome:
    """Return what an attempt that may have sent the email comes to, by the email's policy."""
    return outcomes.unknown(reason, resend_at=resend_at(email))


def asked_first(email: Email, providers: Sequence[Provider]) -> list[Provider]:
    """Return the providers, the one that may have the email already in front: a third copy helps nobody."""
    holder = _may_have_it(email) if email.possible_duplicate else ""
    return sorted(providers, key=lambda provider: provider.name != holder)


def confirm(email: Email, *, by: str) -> bool:
    """Settle an unknown email as sent, on the word of a person; False when it is not unknown (any more)."""
    now = timezone.now()
    with transaction.atomic():
        settled = Email.objects.filter(pk=email.pk, status=_Status.UNKNOWN).update(
            status=_Status.SENT,
            provider=_may_have_it(email),
            reason="Settled by a person: it was sent.",
            due_at=None,
            finished_at=now,
        )
        if settled:
            _settle(email, _Outcome.ACCEPTED, by, now)
            _recipients(email).update(status=Recipient.Status.ACCEPTED)
    return bool(settled)


def deny(email: Email, *, by: str) -> bool:
    """Settle an unknown email as not sent, on the word of a person, and send it; False when it is not unknown."""
    now = timezone.now()
    with transaction.atomic():
        settled = Email.objects.filter(pk=email.pk, status=_Status.UNKNOWN).update(
            status=_Status.QUEUED,
            possible_duplicate=False,
            reason="Settled by a person: it was not sent.",
            due_at=now,
            expires_at=now + DEADLINE,
            finished_at=None,
            epoch=F("epoch") + 1,  # a late answer of an earlier claim settles nothing any more
        )
        if settled:
            _settle(email, _Outcome.NOT_SENT, by, now)
            _recipients(email).update(status=Recipient.Status.PENDING)
    return bool(settled)


def accepted_after_all(email: Email) -> Attempt | None:
    """Return an attempt that was accepted, though nobody knew when the email was sent again."""
    return Attempt.objects.filter(email=email, outcome=_Outcome.ACCEPTED).order_by("id").first()


def is_certain(email: Email, *, but: Attempt) -> bool:
    """Tell whether no attempt other than this one may have sent the email."""
    may_have = (*Attempt.IN_DOUBT, _Outcome.ACCEPTED)
    return not Attempt.objects.filter(email=email, outcome__in=may_have).exclude(pk=but.pk).exists()


def _settle(email: Email, outcome: str, by: str, now: datetime) -> None:
    _unknown(email).update(outcome=outcome, settled_by=by, settled_at=now)


def _may_have_it(email: Email) -> str:
    return _unknown(email).order_by("-id").values_list("provider", flat=True).first() or ""


def _not_known(email: Email) -> int:
    """Count the attempts in doubt; the one that is just being judged is still open in the record."""
    return Attempt.objects.filter(email=email, outcome__in=Attempt.IN_DOUBT).count()


def _unknown(email: Email) -> QuerySet[Attempt]:
    return Attempt.objects.filter(email=email, outcome=_Outcome.UNKNOWN)


def _recipients(email: Email) -> QuerySet[Recipient]:
    return Recipient.objects.filter(email=email, status=Recipient.Status.UNKNOWN)
