"""Which verb moves a mailing from which state to which, and what each leaves in the audit."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from delivery.db import clock
from delivery.library import templates
from delivery.mailings import content, states
from delivery.models import AuditEntry, Group, Mailing, MailingRecipient, TemplateVersion
from tests.delivery.mailings import mailed

pytestmark = pytest.mark.django_db(transaction=True)
VERBS: dict[str, Callable[[Mailing], Any]] = {
    "change": lambda mailing: states.change(mailing, name="Other"),
    "delete": states.delete,
    "ask_check": states.ask_check,
    "start": lambda mailing: states.start(mailing, 0),
    "pause": lambda mailing: states.pause(mailing, "ann"),
    "resume": states.resume,
    "cancel": states.cancel,
    "retry_failed": states.retry_failed,
}
ALLOWED = {
    "draft": {"change", "delete", "ask_check"},
    "checked": {"change", "delete", "ask_check", "start"},
    "scheduled": {"pause", "cancel"},
    "sending": {"pause", "cancel", "retry_failed"},
    "paused": {"resume", "cancel", "retry_failed"},
    "done": {"retry_failed"},
    "cancelled": set(),
}


def found(readers: Group) -> dict[str, Any]:
    return {"recipients": 0, "of_group": content.of_group(Mailing(), readers)}


@pytest.mark.parametrize("state", ALLOWED)
def test_a_verb_works_in_its_states_alone(state: str) -> None:
    readers = mailed.group(0)
    works = set()
    for verb, act in VERBS.items():
        mailing = mailed.draft(readers, name=verb)
        Mailing.objects.filter(pk=mailing.pk).update(state=state, check_result=found(readers))
        with suppress(states.WrongState), transaction.atomic():
            act(mailing)
            works.add(verb)
    assert works == ALLOWED[state]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_leaves_one_entry(verb: str) -> None:
    readers = mailed.group(0)
    mailing = mailed.draft(readers)
    state = next(state for state, verbs in ALLOWED.items() if verb in verbs)
    Mailing.objects.filter(pk=mailing.pk).update(state=state, check_result=found(readers))
    before = AuditEntry.objects.count()
    with transaction.atomic():
        VERBS[verb](mailing)
    assert AuditEntry.objects.count() == before + 1
    assert AuditEntry.objects.order_by("-id")[0].object_kind == "mailing"


def test_a_start_confirms_the_number_of_recipients() -> None:
    mailing = mailed.checked(mailed.group(3))
    with pytest.raises(states.OtherNumber) as refusal, transaction.atomic():
        states.start(mailing, 2)
    assert refusal.value.recipients == 3
    mailed.start(mailing)
    assert (mailing.state, mailing.recipient_count, mailing.by) == ("sending", 3, "ann")
    assert mailing.started_at


def test_a_draft_must_be_checked_first() -> None:
    with pytest.raises(states.NotChecked), transaction.atomic():
        states.start(mailed.draft(mailed.group(0)), 0)


def test_one_for_later_is_scheduled() -> None:
    mailing = mailed.checked(mailed.group(1), send_at=clock.now() + timedelta(hours=1))
    mailed.start(mailing)
    assert (mailing.state, mailing.started_at) == ("scheduled", None)
    with transaction.atomic():
        states.pause(mailing, "ann")
        states.resume(mailing)
    assert mailing.state == "scheduled"


def test_a_resumption_moves_what_was_given_out_of_the_rate() -> None:
    mailing = mailed.started(mailed.group(0))
    now = clock.now()
    Mailing.objects.update(next_at=now, domains_next_at={"example.com": now.timestamp()})
    with transaction.atomic():
        states.pause(mailing, "ann")
    assert mailing.reason == "Paused by ann."
    Mailing.objects.update(paused_at=now - timedelta(minutes=1))
    with transaction.atomic():
        states.resume(mailing)
    assert mailing.next_at is not None
    assert mailing.next_at >= now + timedelta(minutes=1)
    assert mailing.domains_next_at["example.com"] >= now.timestamp() + 60


def test_those_for_whom_it_could_not_be_written_may_be_tried_again() -> None:
    mailing = mailed.started(mailed.group(3))
    rows = MailingRecipient.objects.order_by("pk")
    rows.filter(address="p1@example.com").update(state="failed", reason="render: it lacks a name")
    rows.filter(address="p2@example.com").update(state="failed", reason="The provider refused it.")
    rows.filter(address="p3@example.com").update(state="sent")
    Mailing.objects.update(state="done", finished_at=clock.now())

    with transaction.atomic():
        assert states.retry_failed(mailing) == 1

    assert mailed.found(mailing)["p1@example.com"] == "waiting"
    assert (mailing.state, mailing.finished_at) == ("sending", None)


def framed(frame: str) -> TemplateVersion:
    """A template in a layout, published."""
    layout = templates.create(None, kind="layout", name="frame", slug="frame")
    templates.publish(templates.add_version(layout, html="one {{ content }}"))
    template = templates.create(None, kind="template", name="news", slug="news")
    version = templates.add_version(template, subject="News", html="<p>hello</p>", layout=layout)
    templates.publish(version)
    templates.publish(templates.add_version(layout, html=frame))
    return version


def test_a_template_published_anew_since_the_check_is_checked_anew() -> None:
    version = framed("two {{ content }}")
    mailing = mailed.checked(mailed.group(1), template=version.template, subject="", html="", text="")
    templates.publish(version)
    with pytest.raises(states.ChangedSinceCheck, match="published anew"), transaction.atomic():
        states.start(mailing, 1)
    mailed.check(mailing)
    mailed.start(mailing)
    assert mailing.state == "sending"


def test_a_mailing_under_way_keeps_the_version_it_was_confirmed_with() -> None:
    version = framed("two {{ content }}")
    mailing = mailed.started(mailed.group(1), template=version.template, subject="", html="", text="")
    with pytest.raises(templates.InUse, match="Make a new version"):
        templates.publish(version)
    version.refresh_from_db()
    assert version.compiled is not None
    assert "one" in version.compiled["html"]
    with transaction.atomic():
        states.cancel(mailing)
    templates.publish(version)


def test_whoever_is_tried_again_gets_what_the_others_got_whatever_was_published_since() -> None:
    version = framed("two {{ content }}")
    readers = mailed.group(2)
    mailing = mailed.started(readers, template=version.template, subject="", html="", text="")
    MailingRecipient.objects.filter(address="p1@example.com").update(state="sent")
    MailingRecipient.objects.filter(address="p2@example.com").update(state="failed", reason="render: x")
    Mailing.objects.update(state="done")
    templates.publish(version)
    templates.publish(version)
    with transaction.atomic():
        assert states.retry_failed(mailing) == 1

    row = MailingRecipient.objects.select_related("contact").get(state="waiting")
    assert row.contact
    draft = content.writer(mailing).draft(row, row.contact)
    assert "one" in draft.html
    assert (draft.written_with or {})["version"] == version.number


def test_publishing_goes_on_during_a_retry_that_is_written_with_what_was_kept() -> None:
    version = framed("two {{ content }}")
    mailing = mailed.started(mailed.group(1), template=version.template, subject="", html="", text="")
    MailingRecipient.objects.update(state="failed", reason="render: x")
    Mailing.objects.update(state="done")
    templates.publish(version)
    with transaction.atomic():
        states.retry_failed(mailing)
    layout = version.layout
    assert layout
    templates.publish(templates.add_version(layout, html="three {{ content }}"))
    templates.publish(version)
    version.refresh_from_db()
    assert version.compiled
    assert "three" in version.compiled["html"]


def test_publishing_the_same_again_is_no_change() -> None:
    version = framed("one {{ content }}")
    mailed.started(mailed.group(1), template=version.template, subject="", html="", text="")
    templates.publish(version)
