"""What the tests of mailings share: people in a group, and mailings in any state."""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from delivery.content.addresses import canonical
from delivery.mailings import content, run, states
from delivery.mailings.run import Runner
from delivery.models import Contact, Group, Mailing, MailingRecipient, Membership, Team
from delivery.queue.fairness import FairQueue
from delivery.workers import embedded
from tests import fakes

SENDER = "News <news@example.org>"
BODIES = {"subject": "Hello {{ contact.first_name }}", "html": "<p>Hi {{ contact.first_name }}</p>"}


def team(name: str = "shop") -> Team:
    return Team.objects.create(name=name)


def people(group: Group, number: int, *, domain: str = "example.com", start: int = 1) -> list[Contact]:
    """Put so many new contacts into a group."""
    found = [
        Contact(
            team=group.team,
            email=f"p{each}@{domain}",
            email_key=f"p{each}@{domain}",
            first_name=f"P{each}",
        )
        for each in range(start, start + number)
    ]
    Contact.objects.bulk_create(found)
    Membership.objects.bulk_create(Membership(group=group, contact=contact) for contact in found)
    return found


def person(group: Group, email: str, **fields: Any) -> Contact:
    contact = Contact.objects.create(team=group.team, email=email, email_key=canonical(email), **fields)
    Membership.objects.create(group=group, contact=contact)
    return contact


def group(number: int = 0, *, of: Team | None = None, name: str = "readers", **fields: Any) -> Group:
    made = Group.objects.create(
        team=of, name=name, **{"unsubscribe": False, "from_address": SENDER, **fields}
    )
    people(made, number)
    return made


def draft(to: Group, **fields: Any) -> Mailing:
    bodies = {} if "template" in fields else BODIES
    with transaction.atomic():
        return states.create(to.team, **{"name": "News", "group": to, **bodies, **fields})


def checked(to: Group, **fields: Any) -> Mailing:
    mailing = draft(to, **fields)
    check(mailing)
    assert mailing.state == "checked", mailing.reason
    return mailing


def check(mailing: Mailing) -> None:
    with transaction.atomic():
        states.ask_check(mailing)
    assert run.check_now(mailing)


def nobody_found(mailing: Mailing) -> dict[str, Any]:
    """Return what a check finds of a mailing to nobody, for one that is stored without a check."""
    return {"recipients": 0, "of_group": content.of_group(mailing, Group.objects.get(pk=mailing.group_id))}


def started(to: Group, **fields: Any) -> Mailing:
    mailing = checked(to, **fields)
    start(mailing)
    return mailing


def start(mailing: Mailing) -> None:
    with transaction.atomic():
        states.start(mailing, mailing.check_result["recipients"], by="ann")


def found(mailing: Mailing) -> dict[str, str]:
    """Return the state of each recipient by address."""
    return dict(MailingRecipient.objects.filter(mailing=mailing).values_list("address", "state"))


def counted(mailing: Mailing) -> dict[str, int]:
    """Return how many recipients are in each state."""
    return dict(Counter(found(mailing).values()))


def reasons(mailing: Mailing) -> dict[str, str]:
    rows = MailingRecipient.objects.filter(mailing=mailing).exclude(reason="")
    return dict(rows.values_list("address", "reason"))


def addresses(several: Sequence[Contact]) -> set[str]:
    return {contact.email for contact in several}


def go_on() -> bool:
    return True


def make(runner: Runner | None = None) -> Runner:
    """Make the emails that may be made now."""
    runner = runner or Runner()
    runner._look_at = 0.0
    while runner.step(go_on):
        pass
    return runner


def hand_over() -> int:
    return embedded.hand_over(threading.Event(), FairQueue())


def send(mailing: Mailing, runner: Runner | None = None) -> Mailing:
    """Send it to its end."""
    runner = make(runner)
    for _ in range(50):
        sent = hand_over()
        make(runner)
        mailing.refresh_from_db()
        if not sent and mailing.state != "sending":
            return mailing
    raise AssertionError(found(mailing))


def arrived(vendor: fakes.FakeVendor) -> list[str]:
    return sorted(address for mail in vendor.arrived() for address in mail.recipients)
