"""One call: a message is signed and posted, then written down with what became of it.

Making a call needs no database, so many threads may wait for endpoints; one thread writes down what they came to.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from delivery.counting import counters
from delivery.db import clock
from delivery.db.inserts import Insert
from delivery.db.text import storable
from delivery.models import WebhookCall, WebhookEndpoint, WebhookMessage
from delivery.webhooks import endpoints, post, schedule, sign
from delivery.webhooks.lookups import Unresolved
from providers.errors import ProviderError
from providers.wire import http, waiting

_KEPT: Final = 1024  # bytes of an answer
_GONE: Final = 410
_Outcome = WebhookMessage.Outcome
_written = Insert(WebhookCall)
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Made:
    """A call that is over."""

    message: WebhookMessage  # as it was claimed
    at: datetime  # of its beginning
    seconds: float
    status: int | None = None  # of HTTP; None: no answer
    answer: str = ""  # its beginning, or why there is none
    asked: float | None = None  # seconds of its Retry-After

    @property
    def was_taken(self) -> bool:
        """Whether the endpoint has it now."""
        return self.status is not None and 200 <= self.status < 300


def make(message: WebhookMessage) -> Made:
    """Sign and post a claimed message once; whatever the endpoint does, it ends after 15 s and raises nothing."""
    at, begun = clock.now(), time.monotonic()
    body = content(message)
    signed = sign.headers(str(message.pk), body, at=at, secrets=endpoints.secrets(message.endpoint, at))
    status, said, asked = _answer(message.endpoint.url, signed, body)
    took = time.monotonic() - begun
    return Made(message=message, at=at, seconds=took, status=status, answer=said, asked=asked)


def content(message: WebhookMessage) -> bytes:
    """Return the body, the same for each try."""
    moment = message.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    told = {"type": message.kind, "timestamp": moment, "data": message.data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def record(calls: Sequence[Made]) -> None:
    """Write down calls and what becomes of their messages, in one transaction."""
    taken = [made.message for made in calls if made.was_taken]
    with transaction.atomic():
        _written.run([_row(made) for made in calls])
        _deliver(taken)
        for made in calls:
            if not made.was_taken:
                _fail(made)
    for made in calls:
        counters.called(_outcome(made))


def _answer(url: str, headers: dict[str, str], body: bytes) -> tuple[int | None, str, float | None]:
    try:
        answer = post.post(url, headers, body)
    except (post.Forbidden, Unresolved) as problem:
        return None, str(problem), None
    except ProviderError as problem:
        return None, problem.detail, None
    named = answer.headers.get("Retry-After", "")
    return answer.status, _said(answer), waiting.seconds(named, longest=schedule.LONGEST_ASKED)


def _said(answer: http.Answer) -> str:
    return answer.unread or answer.body[:_KEPT].decode(errors="replace")


def _outcome(made: Made) -> str:
    if made.status is None:
        return "unanswered"
    return "delivered" if made.was_taken else "refused"


def _row(made: Made) -> WebhookCall:
    return WebhookCall(
        endpoint_id=made.message.endpoint_id,
        message_id=made.message.pk,
        at=made.at,
        status=made.status,
        answer=storable(made.answer),
        ms=round(made.seconds * 1000),
    )


def _deliver(messages: Sequence[WebhookMessage]) -> None:
    """Finish them, also those whose lease is over: the endpoint has them, whoever posted them."""
    if messages:
        waiting_ones = WebhookMessage.objects.filter(
            pk__in=[message.pk for message in messages], outcome=_Outcome.WAITING
        )
        waiting_ones.update(outcome=_Outcome.DELIVERED, tries=F("tries") + 1, due_at=None, finished_at=Now())
    for endpoint in {message.endpoint_id for message in messages if message.endpoint.failing_since}:
        WebhookEndpoint.objects.filter(pk=endpoint).update(failing_since=None)


def _fail(made: Made) -> None:
    """Have it tried again, or end it; nothing if another process has claimed it meanwhile."""
    message = made.message
    mine = WebhookMessage.objects.filter(pk=message.pk, epoch=message.epoch, outcome=_Outcome.WAITING)
    wait = schedule.after(message.tries + 1, made.asked) if made.status != _GONE else None
    if wait is not None:
        mine.update(tries=F("tries") + 1, due_at=Now() + wait)
    elif mine.update(outcome=_Outcome.FAILED, tries=F("tries") + 1, due_at=None, finished_at=Now()):
        _blame(made)


def _blame(made: Made) -> None:
    endpoint = made.message.endpoint
    if made.status == _GONE:
        endpoints.switch_off(endpoint, "It answered 410 Gone: it wants no more webhooks.")
    else:
        log.warning("A webhook to endpoint %s failed for good: %s", endpoint.pk, made.status or made.answer)
        endpoints.note_failure(endpoint)
