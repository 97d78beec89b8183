"""What a person does with a mailing: checked, started, paused, resumed, cancelled, tried again, deleted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest

from delivery.access import pauses
from delivery.access.pauses import Paused
from delivery.admin import mailing_pages, mailing_standing, pages
from delivery.admin.mailing_forms import said
from delivery.content.links import NotSetUp
from delivery.content.template_sources import Unpublishable
from delivery.library.templates import Unknown
from delivery.mailings import progress, rules, states
from delivery.mailings.content import NotReady
from delivery.models import Mailing, MailingRecipient

State = Mailing.State
_BEFORE: Final = (State.DRAFT, State.CHECKED)


@dataclass(frozen=True, kw_only=True)
class Order:
    """One thing that is done with a mailing."""

    word: str  # in the URL
    button: str
    icon: str
    colour: str = ""
    states: Sequence[str]  # in which it is offered
    give: Callable[[HttpRequest, Mailing], str]  # in a transaction; returns what is told
    question: str = ""  # it is asked before
    points: Callable[[Mailing], Sequence[str]] = lambda _: ()


def possible(mailing: Mailing) -> list[Order]:
    """Return what may be done with it now."""
    return [order for order in ORDERS if mailing.state in order.states and _is_wanted(order, mailing)]


def obey(request: HttpRequest, mailing: Mailing, order: Order) -> bool:
    """Do it, and tell the person what became of it; tell the caller whether it was done."""
    try:
        with transaction.atomic():
            told = order.give(request, mailing)
    except (states.OtherNumber, states.ChangedSinceCheck) as other:
        messages.warning(request, f"Nothing was started. {other} Look at it again.")
    except states.WrongState as refused:
        messages.warning(request, f"{refused} That is not possible any more.")
    except Unpublishable as refused:
        for fault in refused.faults[:10]:
            messages.error(request, f"{fault.place}: {fault}")
    except NotReady as lacking:
        messages.error(request, said(lacking))
    except (Unknown, NotSetUp, Paused) as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, told)
        return True
    return False


def asked(mailing: Mailing, order: Order) -> dict[str, Any]:
    """Return what is asked before an order is given; raise NotReady where it cannot be given."""
    number = mailing_standing.people(mailing.check_result.get("recipients", 0))
    button = f"Send to {number}" if order is START else order.button.rstrip("…") + " it"
    return {
        "title": f"{order.button.rstrip('…')} {mailing.name}",
        "question": order.question.format(mailing.name, number),
        "points": order.points(mailing),
        "button": button,
        "colour": order.colour,
        "recipients": mailing.check_result.get("recipients", 0),
        "send_at": mailing.send_at if order is START else None,
    }


def _is_wanted(order: Order, mailing: Mailing) -> bool:
    if order is RETRY:
        return bool(_failed(mailing).exists())
    if order is START:
        return not mailing_standing.is_checking(mailing) and bool(mailing.check_result.get("recipients"))
    return not (order is CHECK and mailing_standing.is_checking(mailing))


def _failed(mailing: Mailing) -> Any:
    rows = progress.recipients(mailing).filter(state=MailingRecipient.State.FAILED)
    return rows.filter(reason__startswith=states.RENDER, contact__isnull=False)


def _check(request: HttpRequest, mailing: Mailing) -> str:
    rules.refuse_sending(mailing)
    states.ask_check(mailing)
    return "The check looks at everybody; nothing is sent by it."


def _start(request: HttpRequest, mailing: Mailing) -> str:
    rules.refuse_sending(mailing)
    pauses.refuse(mailing.team, None)
    states.start(mailing, pages.number(request.POST.get("recipients", "")), by=_name(request))
    if mailing.state == State.SCHEDULED:
        return f"It waits for its time, for {mailing_standing.people(mailing.recipient_count)}."
    return f"It is being sent to {mailing_standing.people(mailing.recipient_count)}."


def _pause(request: HttpRequest, mailing: Mailing) -> str:
    states.pause(mailing, _name(request))
    return "Paused: nothing more is handed to a provider until it is resumed."


def _resume(request: HttpRequest, mailing: Mailing) -> str:
    states.resume(mailing)
    return "It goes on where it was paused."


def _cancel(request: HttpRequest, mailing: Mailing) -> str:
    states.cancel(mailing)
    return "Cancelled: nothing more of it is sent."


def _retry(request: HttpRequest, mailing: Mailing) -> str:
    number = states.retry_failed(mailing)
    return f"It is written again for {mailing_standing.people(number)}."


def _discard(request: HttpRequest, mailing: Mailing) -> str:
    states.delete(mailing)
    return f"The mailing {mailing.name} is deleted."


def _name(request: HttpRequest) -> str:
    return request.user.get_username()[:150]


def _of_start(mailing: Mailing) -> Sequence[str]:
    """Return what a person should know before it begins."""
    found = mailing_pages.found(mailing) or {}
    less = [
        (found.get("suppressed", 0), "suppressed"),
        (found.get("render_failures", 0), "what it needs is not known of them"),
    ]
    sender = rules.sender(mailing)
    waits = mailing.send_at and "It waits for its time; until then it can be cancelled, and is not changed."
    unready = found.get("nobody_ready") and "No provider would take it now: its emails wait until one does."
    told = [
        f"From {sender.name} <{sender.address}>" if sender.name else f"From {sender.address}",
        f"To the group {mailing.group}, as it was when it was checked",
        *(f"{mailing_standing.people(number)} will not get it: {why}" for number, why in less if number),
        f"It takes {found.get('takes', '')}",
        waits,
        unready,
        "It can be paused at any time. What has been handed over cannot be called back.",
    ]
    return [line for line in told if line]


def _of_cancel(mailing: Mailing) -> Sequence[str]:
    waiting = progress.counts(mailing)
    number = sum(waiting[each] for each in MailingRecipient.OPEN)
    return (
        f"{mailing_standing.people(number)} who wait will not get it.",
        "What a provider has taken cannot be called back.",
        "This cannot be undone. To stop it for a while, pause it instead.",
    )


CHECK: Final = Order(
    word="check", button="Check", icon="fact_check", colour="primary", states=_BEFORE, give=_check
)
START: Final = Order(
    word="start",
    button="Start…",
    icon="send",
    colour="primary",
    states=(State.CHECKED,),
    give=_start,
    question="Send {} to {}?",
    points=_of_start,
)
PAUSE: Final = Order(
    word="pause", button="Pause", icon="pause", states=(State.SCHEDULED, State.SENDING), give=_pause
)
RESUME: Final = Order(
    word="resume", button="Resume", icon="play_arrow", colour="primary", states=(State.PAUSED,), give=_resume
)
RETRY: Final = Order(
    word="retry",
    button="Try failed ones again",
    icon="replay",
    states=(State.SENDING, State.PAUSED, State.DONE),
    give=_retry,
)
CANCEL: Final = Order(
    word="cancel",
    button="Cancel…",
    icon="block",
    colour="danger",
    states=(State.SCHEDULED, State.SENDING, State.PAUSED),
    give=_cancel,
    question="Cancel {}?",
    points=_of_cancel,
)
DISCARD: Final = Order(
    word="discard",
    button="Delete…",
    icon="delete",
    colour="danger",
    states=_BEFORE,
    give=_discard,
    question="Delete {}?",
    points=lambda _: ("Nothing of it has been sent. The group and the template stay.",),
)
ORDERS: Final = (CHECK, START, PAUSE, RESUME, RETRY, CANCEL, DISCARD)
