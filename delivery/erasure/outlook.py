"""What an erasure would do, for the person who is asked whether it is meant."""

from collections import Counter

from delivery.erasure.people import Person
from delivery.erasure.reach import Reach
from delivery.models import Contact, Email, Recipient, Suppression

_SAID = {
    "emails": "Emails to this address: {:,}. They lose subject, text and files, also where others got them, too.",
    "waiting": "Of them wait: {:,}. Those to nobody else are cancelled, the others go without this recipient.",
    "suppressions": "Suppressions: {:,}. They stay and work, without the address.",
    "contacts": "Contacts: {:,}. They lose address, names and data.",
}
_ALL = "Whatever else mentions the address gets a tombstone in its place: events, webhooks, tags, metadata, texts."


def of(person: Person, far: Reach) -> Counter[str]:
    """Count what is found by the address itself."""
    to_person = Recipient.objects.filter(canonical=person.address).values("email")
    emails = far.keep(Email.objects.filter(pk__in=to_person)).order_by()
    return Counter(
        emails=emails.count(),
        waiting=far.keep(Email.objects.waiting().filter(pk__in=to_person)).count(),
        suppressions=Suppression.objects.filter(far.query(), address=person.address).count(),
        contacts=far.keep(Contact.objects.filter(email_key=person.address)).count(),
    )


def sentences(counts: Counter[str]) -> list[str]:
    """Return the same in words."""
    return [*(_SAID[what].format(number) for what, number in counts.items() if number), _ALL]
