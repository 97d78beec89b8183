"""What comes in and goes out at mailings/."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import fields
from api.composition import LONGEST_NAME as LONGEST_REFERENCE
from api.exact import Id
from api.fields import fail
from api.mailings.fields import Body, DomainRates, Future, Ids, Number, Rate
from api.names import Name
from api.senders import SenderField
from api.serializers import EmptyingSerializer, StrictSerializer
from delivery.mailings import progress, rules
from delivery.models import Mailing, MailingRecipient
from providers.message import Mailbox

BODIES: Final = ("subject", "html", "text")
MOST_TESTED: Final = 10  # addresses
_LONGEST_NAME: Final = 100
_LONGEST_SUBJECT: Final = 5_000  # characters, as it is written; the one that is sent may have 900
_KEY: Final = "gm_live_"
_CONFIRMED: Final = ("of_group", "published")  # of a check, with its start; not shown
State = Mailing.State


class MailingInSerializer(EmptyingSerializer):
    """What a client says of a mailing."""

    emptied = ("template", *BODIES, "from_address", "reply_to", "signature", "rate", "send_at")
    name = Name(longest=_LONGEST_NAME, required=False)
    group = Id(required=False)
    exclude = Ids(required=False, help_text="groups whose subscribed members do not get it")
    template = fields.Text(
        longest=LONGEST_REFERENCE, header=True, required=False, help_text="id or slug; instead of bodies"
    )
    subject = fields.Text(longest=_LONGEST_SUBJECT, header=True, required=False, help_text="Liquid")
    html = Body(required=False, help_text="Liquid")
    text = Body(required=False, help_text="Liquid; made of the HTML unless given")
    from_address = SenderField(required=False, help_text="the group's unless given")
    reply_to = SenderField(required=False, help_text="the group's unless given")
    signature = Id(required=False, help_text="the group's, or the one that matches, unless given")
    on_ambiguous = serializers.ChoiceField(Mailing.OnAmbiguous.choices, required=False)
    rate = Rate(required=False, help_text="emails a second; as fast as the providers take them unless given")
    domain_rates = DomainRates(required=False, help_text="the same for domains of recipients")
    send_at = Future(required=False, help_text="at once unless given")

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        """Refuse a template beside bodies."""
        if values.get("template") and any(values.get(name) for name in BODIES):
            message = "stands instead of a subject and bodies; leave out one of the two."
            raise serializers.ValidationError({"template": fail("invalid_value", message).detail})
        return values


class NewMailingSerializer(MailingInSerializer):
    """A new mailing."""

    name = Name(longest=_LONGEST_NAME)
    group = Id()


class MailingStartSerializer(StrictSerializer):
    """The number that the check has found: who starts a mailing has seen it."""

    recipients = Number()


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_TESTED,
        "items": {"type": "string"},
        "example": ["me@example.org"],
    }
)
class TestAddresses(fields.Recipients):
    """Up to ten mailboxes, each once."""

    __test__ = False

    def to_internal_value(self, data: Any) -> tuple[Mailbox, ...]:
        """Return them."""
        boxes = super().to_internal_value(data)
        several = tuple({box.address.lower(): box for box in boxes}.values())
        if len(several) > MOST_TESTED:
            raise fail("too_many", f"may name {MOST_TESTED} mailboxes.")
        return several


class MailingTestSerializer(StrictSerializer):
    """Who gets the test, and whose data stands in it."""

    __test__ = False
    addresses = TestAddresses()
    contact = Id(help_text="a contact of yours, not necessarily of the group")


class MailingCheckSerializer(serializers.Serializer[Any]):
    """What the last check has found, or how far it has come."""

    running = serializers.BooleanField()
    processed = serializers.IntegerField(required=False, help_text="of one that runs: recipients so far")
    of = serializers.IntegerField(required=False, help_text="of one that runs: members of the group")
    at = serializers.DateTimeField(required=False)
    recipients = serializers.IntegerField(required=False, help_text="who will get it; start/ confirms it")
    suppressed = serializers.IntegerField(required=False, help_text="of them: they will be left out")
    unsubscribed = serializers.IntegerField(required=False, help_text="have left the group; not of them")
    render_failures = serializers.IntegerField(required=False, help_text="of them: it cannot be written")
    failures = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField()),
        required=False,
        help_text="the first 20 of those, {address, reason}; recipients/?render_failures=true has all",
    )
    missing = serializers.DictField(
        child=serializers.IntegerField(),
        required=False,
        help_text="variables, and for how many each is missing",
    )
    providers = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text="{name, ready, reason}: whether each can take it",
    )
    forecast = serializers.DictField(
        required=False, help_text="{seconds, per_second, quota}: how long it will take"
    )


class MailingSerializer(serializers.ModelSerializer[Mailing]):
    """A mailing."""

    by = serializers.SerializerMethodField(help_text="the key that started it, or `person`; empty: nobody")

    class Meta:
        model = Mailing
        fields: tuple[str, ...] = (
            *("id", "name", "state", "reason", "group", "exclude", "template", *BODIES),
            *("from_address", "reply_to", "signature", "on_ambiguous", "rate", "domain_rates", "send_at"),
            *("created_at", "started_at", "paused_at", "finished_at", "by"),
        )

    def get_by(self, mailing: Mailing) -> str:
        """Return no person's name: clients are not told who works here."""
        return mailing.by if mailing.by.startswith(_KEY) or not mailing.by else "person"


class OneMailingSerializer(MailingSerializer):
    """A mailing, and how far it has come."""

    check = serializers.SerializerMethodField(help_text="null: it was not checked since its last change")
    counts = serializers.SerializerMethodField(help_text="recipients by their state")
    recipients = serializers.IntegerField(source="recipient_count", help_text="that start/ confirmed")
    processed = serializers.SerializerMethodField(help_text="recipients of whom the outcome is known")
    pace = serializers.FloatField(help_text="emails a second, of the last minute")
    eta_seconds = serializers.SerializerMethodField(help_text="null: nobody knows, or nothing is going on")
    avoided = serializers.DictField(
        child=serializers.CharField(), help_text="providers that it does not use any more, and why"
    )

    class Meta(MailingSerializer.Meta):
        fields = (
            *MailingSerializer.Meta.fields,
            *("check", "counts", "recipients", "processed", "pace", "eta_seconds", "avoided"),
        )

    def to_representation(self, instance: Mailing) -> dict[str, Any]:
        """Count once."""
        self._counts = progress.counts(instance)
        return super().to_representation(instance)

    @extend_schema_field(MailingCheckSerializer(allow_null=True))
    def get_check(self, mailing: Mailing) -> dict[str, Any] | None:
        """Return what it has found, or how far it has come."""
        if mailing.check_asked_at:
            done = mailing.check_result.get("recipients", 0)
            return {"running": True, "processed": done, "of": rules.members(mailing)}
        if mailing.state == State.DRAFT:
            return None
        found = {name: value for name, value in mailing.check_result.items() if name not in _CONFIRMED}
        return {"running": False, **found}

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
    def get_counts(self, mailing: Mailing) -> dict[str, int]:
        """Return them, zeros too."""
        return self._counts

    @extend_schema_field({"type": "integer"})
    def get_processed(self, mailing: Mailing) -> int:
        """Return how many."""
        return sum(count for state, count in self._counts.items() if state not in MailingRecipient.OPEN)

    @extend_schema_field({"type": "number", "nullable": True})
    def get_eta_seconds(self, mailing: Mailing) -> float | None:
        """Return it."""
        return progress.eta_seconds(mailing, self._counts)


class MailingRecipientSerializer(serializers.ModelSerializer[MailingRecipient]):
    """One person of a mailing, and what became of it."""

    email = serializers.CharField(source="address")
    email_id = serializers.UUIDField(allow_null=True, help_text="of the log; null: none was made")

    class Meta:
        model = MailingRecipient
        fields = (
            *("contact", "email", "state", "reason", "provider", "possible_duplicate", "at"),
            "email_id",
        )
