"""What is done with a mailing: checked, tested, started, paused, resumed, cancelled, and tried again."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import ValidationError

from api import answers, preferences
from api.authentication import key, team
from api.fields import fail
from api.mailings import given
from api.mailings.shapes import MailingStartSerializer, MailingTestSerializer, OneMailingSerializer
from api.mailings.views import WRITE, OfMailings, shown
from api.serializers import BatchResultSerializer, FailureSerializer
from api.throttling import Throttled
from delivery.access import pauses
from delivery.audience import contacts
from delivery.mailings import rules, run, states, testing
from delivery.models import Contact, Mailing
from delivery.submission import batches

_WAITS = {200: OneMailingSerializer, **WRITE}


class Check(Throttled, OfMailings):
    """Who would get it, and whether it can be written for everybody."""

    @extend_schema(
        operation_id="check_mailing", request=None, responses={202: OneMailingSerializer, **_WAITS}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Write down the recipients and write the email for each of them; nothing is sent.

        200 with what was found. 202 if the group has more than 10,000 members, if it takes longer than about three
        seconds, or if somebody of your team waits for another check: then the mailing shows how far it has come.
        """
        mailing = self.get_object()
        _refuse(request, mailing)
        with transaction.atomic():
            states.ask_check(mailing)
        if run.check_while_waited_for(mailing):
            return shown(mailing, "The mailing is checked" if mailing.state == "checked" else mailing.reason)
        place = {"Location": reverse("mailing", args=[mailing.pk])}
        return shown(mailing, "The mailing is being checked", status=202, headers=place)


class Test(Throttled, OfMailings):
    """The email as one contact would get it, sent to others."""

    __test__ = False

    @extend_schema(
        operation_id="test_mailing",
        request=MailingTestSerializer,
        parameters=[preferences.IDEMPOTENCY_KEY],
        responses={202: BatchResultSerializer, 429: FailureSerializer, **WRITE},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Send it to up to ten addresses, with `[Test]` before its subject; its link to unsubscribe does nothing."""
        serializer = MailingTestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        mailing, asked = self.get_object(), serializer.validated_data
        _refuse(request, mailing)
        contact, boxes = _contact(request, asked["contact"]), asked["addresses"]
        content = {"test_of": mailing.pk, "contact": contact.pk}
        items = [
            batches.Item(draft=draft, key_use=preferences.key_use(request, number, to=draft.to, **content))
            for number, draft in enumerate(testing.drafts(mailing, contact, boxes))
        ]
        results = batches.accept(items, team=team(request), key=key(request))
        return answers.of_many(
            [answers.result(each) for each in results], [{"address": box.address} for box in boxes]
        )


class Start(OfMailings):
    """Begin."""

    @extend_schema(operation_id="start_mailing", request=MailingStartSerializer, responses=_WAITS)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Begin to send it, or let it wait for its time; `recipients` confirms the number of the check."""
        serializer = MailingStartSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        mailing, used = self.get_object(), key(request)
        _refuse(request, mailing)
        pauses.refuse(team(request), used)
        by = f"gm_live_{used.public_id}" if used else ""
        with transaction.atomic():
            states.start(mailing, serializer.validated_data["recipients"], key=used, by=by)
        return shown(mailing, _STARTED[mailing.state])


class _Change(OfMailings):
    """A change of a mailing's state."""

    def change(self, mailing: Mailing) -> str:
        """Make it, in the view's transaction; return what is told."""
        raise NotImplementedError

    def moved(self, request: Request) -> Response:
        """Make the change and answer with the mailing."""
        mailing = self.get_object()
        given.refuse_sender(request, mailing)
        with transaction.atomic():
            told = self.change(mailing)
        return shown(mailing, told)


class Pause(_Change):
    """Hold."""

    @extend_schema(operation_id="pause_mailing", request=None, responses=_WAITS)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Hand over nothing more until it is resumed; what a provider is being given goes."""
        return self.moved(request)

    def change(self, mailing: Mailing) -> str:
        """Pause it."""
        used = key(self.request)
        states.pause(mailing, f"the API key {used.public_id}" if used else "a client")
        return "The mailing is paused"


class Resume(_Change):
    """Go on."""

    @extend_schema(operation_id="resume_mailing", request=None, responses=_WAITS)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Go on where it was paused."""
        return self.moved(request)

    def change(self, mailing: Mailing) -> str:
        """Resume it."""
        states.resume(mailing)
        return "The mailing goes on"


class Cancel(_Change):
    """End."""

    @extend_schema(operation_id="cancel_mailing", request=None, responses=_WAITS)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Send nothing more of it, for good."""
        return self.moved(request)

    def change(self, mailing: Mailing) -> str:
        """Cancel it."""
        states.cancel(mailing)
        return "The mailing is cancelled"


class Retry(_Change):
    """Try again."""

    @extend_schema(operation_id="retry_mailing", request=None, responses=_WAITS)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Write it once more for those for whom it could not be written, and send it to them."""
        return self.moved(request)

    def change(self, mailing: Mailing) -> str:
        """Let them wait again."""
        return f"{states.retry_failed(mailing):,} recipients are tried again"


_STARTED = {"sending": "The mailing has begun", "scheduled": "The mailing waits for its time"}


def _refuse(request: Request, mailing: Mailing) -> None:
    """Raise for a mailing that could not be sent as it is, or not by this key."""
    given.refuse_sender(request, mailing)
    rules.refuse_sending(mailing)


def _contact(request: Request, pk: Any) -> Contact:
    if found := contacts.of(team(request)).filter(pk=pk).first():
        return found
    raise ValidationError({"contact": fail("invalid_value", "is no contact of yours.").detail})
