"""Circuits as the emails that pass through them make them, on a real database and loopback vendors."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.content.drafts import Draft
from delivery.models import Circuit, CircuitChange, Email
from delivery.monitoring import readiness
from delivery.queue.fairness import FairQueue
from delivery.routing import circuit_cache, circuits, configured, policy
from delivery.submission import emails
from delivery.workers import embedded
from providers.message import Mailbox
from providers.readiness import Readiness
from tests import fakes
from tests.providers.fault_server import answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
DOWN = answer(503, {"message": "down"}, {"x-amzn-ErrorType": "ServiceUnavailableException"})


def send(sender: str = "me@example.org", **changes: Any) -> Email:
    to = (Mailbox(address="bob@example.com"),)
    return emails.send(
        Draft(sender=Mailbox(address=sender), to=to, subject="Hello", text="Hi", **changes), team=None
    )


def circuit(provider: str = "ses", domain: str = "") -> Circuit:
    return Circuit.objects.get(provider=provider, sender_domain=domain)


def opened(provider: str = "ses", **fields: Any) -> Circuit:
    """Return an open circuit that may be tried now."""
    known = {
        "state": "open",
        "trouble": "failing",
        "openings": 1,
        "retry_at": timezone.now() - timedelta(minutes=2),
    }
    made = Circuit.objects.create(provider=provider, **(known | fields))
    circuit_cache.forget()
    return made


def wait_left(row: Circuit) -> int:
    assert row.retry_at is not None
    return round((row.retry_at - timezone.now()).total_seconds())


def changes() -> list[str]:
    return [change.state for change in CircuitChange.objects.order_by("id")]


def test_five_failures_in_a_row_open_the_circuit_and_the_sixth_email_is_not_offered(
    ses: fakes.FakeVendor,
) -> None:
    ses.default = DOWN
    sent = [send() for _ in range(8)]

    assert {email.status for email in sent} == {"sent"}
    assert (len(ses.received), circuit().state, circuit().trouble) == (5, "open", "failing")
    assert sent[5].left_out["ses"].startswith("ses is not used until ")
    assert list(sent[5].attempts.values_list("provider", flat=True)) == ["sendgrid"]
    assert changes() == ["open"]


def test_an_answer_that_is_well_ends_the_row(ses: fakes.FakeVendor) -> None:
    for _ in range(3):
        ses.script(DOWN, DOWN, DOWN, DOWN)
        for _ in range(5):
            send()

    assert (len(ses.received), Circuit.objects.count()) == (15, 0)


def test_while_all_is_well_a_send_writes_nothing_about_circuits_and_reads_them_once_a_second() -> None:
    send()
    with CaptureQueriesContext(connection) as captured:
        for _ in range(3):
            send()

    about = [query["sql"] for query in captured if "delivery_circuit" in query["sql"]]
    assert len(about) <= 2  # a slow machine may need more than a second
    assert all(sql.startswith("SELECT") for sql in about)


def test_an_open_circuit_costs_a_send_no_call_and_no_statement(ses: fakes.FakeVendor) -> None:
    opened(retry_at=timezone.now() + timedelta(minutes=5))
    send()
    with CaptureQueriesContext(connection) as captured:
        send()

    assert ses.received == []
    assert len([query for query in captured if "delivery_circuit" in query["sql"]]) <= 1


@pytest.mark.parametrize("fault", [fakes.SES_SUSPENDED, fakes.SES_BAD_KEY], ids=["suspended", "bad key"])
def test_trouble_with_the_account_opens_at_once_for_ten_minutes(ses: fakes.FakeVendor, fault: Any) -> None:
    ses.default = fault
    for _ in range(3):
        send()

    assert len(ses.received) == 1
    assert (circuit().trouble, wait_left(circuit())) == ("account", pytest.approx(600, abs=20))


def test_a_sender_that_is_not_verified_is_left_out_at_that_provider_and_nobody_else_is(
    ses: fakes.FakeVendor,
) -> None:
    ses.script(fakes.SES_UNVERIFIED)
    senders = [
        "me@example.org",
        "Me@Example.org",
        "you@example.org",
        "me@other.example",
        "me@mail.example.org",
    ]

    assert [send(sender).provider for sender in senders] == ["sendgrid", "sendgrid", "ses", "ses", "ses"]
    assert circuit("ses", "me@example.org").trouble == "sender"
    assert Circuit.objects.count() == 1


def test_a_domain_that_the_vendor_names_is_left_out_with_all_its_addresses(ses: fakes.FakeVendor) -> None:
    headers = {"x-amzn-ErrorType": "MailFromDomainNotVerifiedException"}
    ses.script(answer(400, {"message": "The MAIL FROM domain is not verified"}, headers))
    senders = ["me@example.org", "you@example.org", "me@other.example"]

    assert [send(sender).provider for sender in senders] == ["sendgrid", "sendgrid", "ses"]
    assert circuit("ses", "example.org").trouble == "sender"
    assert Circuit.objects.count() == 1


def refused(*senders: str) -> None:
    for sender in senders:
        Circuit.objects.create(
            provider="ses",
            sender_domain=sender,
            state="open",
            trouble="sender",
            retry_at=timezone.now() + timedelta(minutes=9),
        )
    circuit_cache.forget()


def test_several_refused_addresses_close_their_domain(ses: fakes.FakeVendor) -> None:
    refused("a@example.org", "b@example.org", "x@other.example", "c@notexample.org")
    ses.script(fakes.SES_UNVERIFIED)
    senders = ["c@example.org", "fine@example.org", "fine@other.example"]

    assert [send(sender).provider for sender in senders] == ["sendgrid", "sendgrid", "ses"]
    assert circuit("ses", "example.org").trouble == "sender"


def test_two_refused_addresses_do_not(ses: fakes.FakeVendor) -> None:
    refused("a@example.org", "x@other.example", "c@notexample.org")
    ses.script(fakes.SES_UNVERIFIED)

    assert [send(sender).provider for sender in ("c@example.org", "fine@example.org")] == ["sendgrid", "ses"]


def test_one_teams_bad_addresses_never_close_a_domain_that_carries_anothers_mail(
    ses: fakes.FakeVendor,
) -> None:
    ses.script(answer(200, {"MessageId": "1"}), *[fakes.SES_UNVERIFIED] * 9)
    assert send("fine@example.org").provider == "ses"
    bad = [send(f"bad{number}@example.org").provider for number in range(9)]

    assert (set(bad), send("fine@example.org").provider) == ({"sendgrid"}, "ses")
    assert not Circuit.objects.filter(sender_domain__in=["", "example.org"]).exists()


def test_after_ten_minutes_the_next_email_tells_whether_the_sender_is_verified(ses: fakes.FakeVendor) -> None:
    ses.script(fakes.SES_UNVERIFIED, fakes.SES_UNVERIFIED)
    for _ in range(2):
        send()
        Circuit.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
        circuit_cache.forget()

    assert [send().provider for _ in range(2)] == ["ses", "ses"]
    assert changes() == ["open", "open"]


def test_throttling_pauses_the_provider_and_opens_nothing(ses: fakes.FakeVendor) -> None:
    ses.default = fakes.SES_THROTTLING
    sent = [send() for _ in range(20)]

    assert (len(ses.received), {email.status for email in sent}) == (1, {"sent"})
    assert (circuit().state, CircuitChange.objects.count()) == ("closed", 0)
    paused_until = circuit().paused_until
    assert paused_until is not None
    assert paused_until - timezone.now() < timedelta(seconds=5)


def test_a_paused_provider_is_used_again_when_its_time_is_over(ses: fakes.FakeVendor) -> None:
    ses.script(fakes.SES_THROTTLING)
    send()
    Circuit.objects.update(paused_until=timezone.now() - timedelta(seconds=1))
    circuit_cache.forget()

    assert send().provider == "ses"


def test_what_is_wrong_with_a_message_says_nothing_against_the_provider(ses: fakes.FakeVendor) -> None:
    ses.default = fakes.SES_BAD_MESSAGE
    assert {send().status for _ in range(10)} == {"failed"}
    assert Circuit.objects.count() == 0


def test_a_probe_that_goes_well_closes_the_circuit(ses: fakes.FakeVendor) -> None:
    opened()

    assert (send().provider, circuit().state, changes()) == ("ses", "closed", ["probing", "closed"])
    assert policy.is_on_ramp(circuit(), timezone.now())


@pytest.mark.parametrize(("openings", "seconds"), [(1, 60), (2, 120), (5, 600)])
def test_a_probe_that_goes_badly_doubles_the_wait(ses: fakes.FakeVendor, openings: int, seconds: int) -> None:
    ses.default = DOWN
    opened(openings=openings)

    assert send().provider == "sendgrid"
    assert (circuit().state, circuit().openings) == ("open", openings + 1)
    assert wait_left(circuit()) == pytest.approx(seconds, abs=20)


def test_a_probe_that_meets_a_throttling_provider_closes_the_circuit_and_pauses(
    ses: fakes.FakeVendor,
) -> None:
    ses.default = fakes.SES_THROTTLING
    opened()
    send()

    assert (circuit().state, circuit().paused_until is not None) == ("closed", True)


def test_one_email_of_many_makes_the_probe(transactional_db: None, ses: fakes.FakeVendor) -> None:
    ses.default = answer(
        503, {"message": "down"}, {"x-amzn-ErrorType": "ServiceUnavailableException"}, wait=0.5
    )
    opened()
    barrier = threading.Barrier(8)

    def one(_: int) -> str:
        barrier.wait()
        try:
            return send().provider
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(8))) == ["sendgrid"] * 8
    assert (len(ses.received), changes()) == (1, ["probing", "open"])


def test_a_process_that_was_idle_knows_of_a_circuit_that_another_has_opened(
    transactional_db: None, ses: fakes.FakeVendor, monkeypatch: Any
) -> None:
    send()  # reads the circuits: there are none
    Circuit.objects.create(
        provider="ses", state="open", trouble="failing", retry_at=timezone.now() + timedelta(minutes=5)
    )
    monkeypatch.setattr(circuit_cache, "_FRESH", 0.0)  # what was read is long ago
    barrier = threading.Barrier(8)

    def one(_: int) -> str:
        barrier.wait()
        try:
            return send().provider
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(8))) == {"sendgrid"}


def test_a_probe_whose_process_has_gone_is_made_again() -> None:
    row = opened(state="probing", retry_at=timezone.now() + timedelta(seconds=50))
    assert not circuits.take_probe(row)

    Circuit.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
    assert circuits.take_probe(row)
    assert not circuits.take_probe(row)


def test_an_attempt_from_before_the_closing_opens_nothing(
    ses: fakes.FakeVendor, while_ses_works: Callable[[Callable[[], None]], None]
) -> None:
    ses.default = fakes.SES_SUSPENDED
    Circuit.objects.create(provider="ses", changed_at=timezone.now() - timedelta(minutes=5))
    while_ses_works(lambda: Circuit.objects.update(changed_at=timezone.now() + timedelta(seconds=1)))
    send()

    assert circuit().state == "closed"


def test_when_no_provider_may_be_used_the_email_is_kept_for_a_minute_and_nobody_is_asked(
    ses: fakes.FakeVendor, sendgrid: fakes.FakeVendor, api: fakes.Api
) -> None:
    soon = timezone.now() + timedelta(minutes=3)
    opened("ses", retry_at=soon)
    opened("sendgrid", retry_at=soon + timedelta(minutes=5))

    response = api.send(subject="Hello")

    assert (response.status_code, response.json()["status"]) == (202, "queued")
    email = Email.objects.get(pk=response.json()["id"])
    assert (ses.received, sendgrid.received, email.attempts.count()) == ([], [], 0)
    assert email.due_at is not None
    assert abs(email.due_at - timezone.now() - timedelta(seconds=60)) < timedelta(seconds=20)
    assert set(email.left_out) == {"ses", "sendgrid"}
    assert "sendgrid is not used until" in email.reason


def test_the_worker_leaves_emails_alone_while_no_provider_may_be_used(ses: fakes.FakeVendor) -> None:
    email = send_later()
    opened("ses", retry_at=timezone.now() + timedelta(minutes=3))
    opened("sendgrid", retry_at=timezone.now() + timedelta(minutes=3))

    assert embedded.hand_over(threading.Event(), FairQueue()) == 0
    email.refresh_from_db()
    assert (email.epoch, email.status) == (1, "queued")


def test_the_worker_hands_over_again_when_a_circuit_may_be_tried(ses: fakes.FakeVendor) -> None:
    email = send_later()
    opened("ses")
    opened("sendgrid", retry_at=timezone.now() + timedelta(minutes=3))

    assert embedded.hand_over(threading.Event(), FairQueue()) == 1
    email.refresh_from_db()
    assert (email.status, email.provider) == ("sent", "ses")


def test_a_provider_that_a_person_took_out_is_not_asked_until_it_is_put_back(ses: fakes.FakeVendor) -> None:
    assert circuits.take_out("ses", by="anna", reason="key rotation")
    assert not circuits.take_out("ses", by="bert")
    assert send().provider == "sendgrid"

    assert circuits.put_back("ses", by="bert")
    assert not circuits.put_back("ses", by="anna")
    assert send().provider == "ses"
    assert [(change.state, change.by) for change in CircuitChange.objects.order_by("id")] == [
        ("out", "anna"),
        ("closed", "bert"),
    ]


def test_no_answer_puts_back_what_a_person_took_out(
    ses: fakes.FakeVendor, while_ses_works: Callable[[Callable[[], None]], None]
) -> None:
    opened()
    while_ses_works(lambda: bool(circuits.take_out("ses", by="anna")))
    send()

    assert circuit().state == "out"


def test_a_closed_circuit_whose_database_row_is_gone_is_used(ses: fakes.FakeVendor) -> None:
    opened(retry_at=timezone.now() + timedelta(minutes=3))
    Circuit.objects.all().delete()
    circuit_cache.forget()

    assert send().provider == "ses"


def test_a_change_is_logged_once(ses: fakes.FakeVendor, caplog: Any) -> None:
    ses.default = fakes.SES_SUSPENDED
    for _ in range(3):
        send()

    lines = [record.message for record in caplog.records if record.name == "delivery.routing.circuits"]
    assert len(lines) == 1
    assert lines[0].startswith("ses: not used. ")


def test_a_provider_that_is_put_back_is_used_fully_and_at_once() -> None:
    opened(openings=4, retry_at=timezone.now() + timedelta(minutes=5))
    Circuit.objects.update(paused_until=timezone.now() + timedelta(minutes=5))
    circuits.put_back("ses", by="anna")

    assert (circuit().openings, circuit().paused_until) == (0, None)
    assert {send().provider for _ in range(8)} == {"ses"}


def test_a_paused_provider_can_be_put_back() -> None:
    Circuit.objects.create(provider="ses", paused_until=timezone.now() + timedelta(minutes=5))
    assert circuits.put_back("ses", by="anna")
    assert send().provider == "ses"


def test_putting_back_a_provider_leaves_the_senders_that_it_refuses(ses: fakes.FakeVendor) -> None:
    ses.script(fakes.SES_UNVERIFIED)
    send()
    circuits.take_out("ses", by="anna")
    circuits.put_back("ses", by="anna")

    assert (circuit("ses", "me@example.org").state, send().provider) == ("open", "sendgrid")


def test_a_probe_that_meets_a_suspended_account_opens_it_as_that_for_ten_minutes(
    ses: fakes.FakeVendor,
) -> None:
    ses.default = fakes.SES_SUSPENDED
    opened()
    send()

    assert (circuit().trouble, wait_left(circuit())) == ("account", pytest.approx(600, abs=20))


def test_a_probe_with_an_email_that_cannot_be_carried_is_made_again_at_once(
    ses: fakes.FakeVendor, monkeypatch: Any
) -> None:
    from providers.errors import CannotCarry
    from providers.ses.adapter import SES

    real = SES.send

    def refuse(*_: Any) -> Any:
        monkeypatch.setattr(SES, "send", real)
        raise CannotCarry("a file it does not take")

    monkeypatch.setattr(SES, "send", refuse)
    opened()

    assert [send().provider, send().provider] == ["sendgrid", "ses"]
    assert changes() == ["probing", "open", "probing", "closed"]


@pytest.mark.parametrize("state", ["open", "probing", "out"])
def test_a_straggler_that_fails_changes_nothing_about_a_circuit_that_is_not_closed(
    ses: fakes.FakeVendor, while_ses_works: Callable[[Callable[[], None]], None], state: str
) -> None:
    later = timezone.now() + timedelta(minutes=3)
    ses.default = fakes.SES_SUSPENDED
    while_ses_works(lambda: Circuit.objects.create(provider="ses", state=state, retry_at=later) and None)
    send()

    assert (circuit().state, circuit().retry_at, changes()) == (state, later, [])


def test_a_shorter_pause_does_not_end_a_longer_one_and_is_not_logged(caplog: Any) -> None:
    for seconds in (600.0, 5.0, 700.0):
        circuits._pause("ses", seconds)

    paused_until = circuit().paused_until
    assert paused_until is not None
    assert paused_until > timezone.now() + timedelta(seconds=650)
    assert len([record for record in caplog.records if record.name == "delivery.routing.circuits"]) == 1


def test_failures_from_before_the_closing_do_not_count(ses: fakes.FakeVendor) -> None:
    ses.default = DOWN
    for _ in range(4):
        send()
    Circuit.objects.create(provider="ses", changed_at=timezone.now())
    circuit_cache.forget()
    send()

    assert circuit().state == "closed"


def test_two_failures_in_a_row_open_a_provider_that_has_just_come_back(
    ses: fakes.FakeVendor, monkeypatch: Any
) -> None:
    monkeypatch.setattr(policy, "_FIRST_SHARE", 1.0)
    Circuit.objects.create(provider="ses", openings=1, changed_at=timezone.now())
    circuit_cache.forget()
    ses.default = DOWN
    for _ in range(3):
        send()

    assert (circuit().state, circuit().openings, len(ses.received)) == ("open", 2, 2)


def test_a_slow_provider_is_opened_although_it_accepts(monkeypatch: Any) -> None:
    monkeypatch.setattr(policy, "_SLOW_MS", -1)
    for _ in range(12):
        send()

    assert (circuit("ses").state, Email.objects.filter(provider="ses").count()) == ("open", 10)
    assert circuit("ses").reason == "It accepts emails, but takes too long."


def test_a_slow_probe_opens_the_circuit_again(monkeypatch: Any) -> None:
    monkeypatch.setattr(policy, "_SLOW_MS", -1)
    opened()
    send()

    assert circuit().state == "open"


@pytest.mark.parametrize(
    ("trouble", "age"), [("failing", timedelta(seconds=16)), ("account", timedelta(seconds=1))]
)
def test_a_vendor_that_says_it_is_well_is_used_again(monkeypatch: Any, trouble: str, age: timedelta) -> None:
    opened(trouble=trouble, retry_at=timezone.now() - age)
    answering(monkeypatch, Readiness(provider="ses"))

    assert (circuit().state, changes()) == ("closed", ["probing", "closed"])


def test_a_vendor_that_says_it_is_not_well_is_left_alone_for_longer(monkeypatch: Any) -> None:
    opened(trouble="account", openings=1)
    answering(monkeypatch, Readiness(provider="ses", problems=("The account is suspended.",)))

    assert (circuit().state, circuit().openings) == ("open", 2)
    assert circuit().reason == "The account is suspended."


def test_an_account_that_says_it_can_send_nothing_is_not_waited_for_to_refuse_a_mail(
    monkeypatch: Any,
) -> None:
    stopped = "ses: Amazon has shut down sending for this account (SHUTDOWN)."
    answering(monkeypatch, Readiness(provider="ses", problems=(stopped,), stopped=stopped))

    assert (circuit().state, circuit().trouble, circuit().reason) == ("open", "account", stopped)


def test_a_problem_that_is_not_of_the_whole_account_opens_nothing(monkeypatch: Any) -> None:
    answering(monkeypatch, Readiness(provider="ses", problems=("ses: the quota is used up.",)))

    assert not Circuit.objects.exists()


@pytest.mark.parametrize(
    ("trouble", "age"), [("failing", timedelta(seconds=5)), ("account", -timedelta(seconds=5))]
)
def test_a_vendor_is_not_believed_before_its_time(monkeypatch: Any, trouble: str, age: timedelta) -> None:
    opened(trouble=trouble, retry_at=timezone.now() - age)
    answering(monkeypatch, Readiness(provider="ses"))

    assert circuit().state == "open"


def test_a_vendor_that_cannot_be_asked_changes_nothing(monkeypatch: Any) -> None:
    opened()
    answering(monkeypatch, Readiness(provider="ses", asked=False))

    assert circuit().state == "open"


def test_the_providers_are_asked_every_ten_minutes_by_one_process(monkeypatch: Any) -> None:
    asked: list[str] = []
    for provider in configured.providers():
        monkeypatch.setattr(
            type(provider),
            "check",
            lambda self, senders: asked.append(self.name) or Readiness(provider=self.name),
        )
    readiness.check_due()
    readiness.check_due()

    assert asked == ["ses", "sendgrid"]


def test_the_senders_asked_about_are_those_in_use(settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "Shop <shop@first.example>"
    for name in ("a", "b", "c"):
        send(f"{name}@second.example")

    assert readiness.senders_in_use() == ["shop@first.example", "c@second.example", "b@second.example"]


def answering(monkeypatch: Any, said: Readiness) -> None:
    """Ask SES, which answers this."""
    ses = configured.providers()[0]
    monkeypatch.setattr(type(ses), "check", lambda self, senders: said)
    readiness.check(ses, [])


def send_later() -> Email:
    email = send()
    Email.objects.filter(pk=email.pk).update(status="queued", due_at=timezone.now())
    email.recipients.update(status="pending")
    return email


@pytest.fixture
def while_ses_works(monkeypatch: Any) -> Callable[[Callable[[], None]], None]:
    """Let something happen after the provider's answer, before anybody hears of it."""
    from providers.ses.adapter import SES

    def arrange(event: Callable[[], None]) -> None:
        real = SES.send

        def send(self: SES, message: Any, attempt_id: str) -> Any:
            try:
                return real(self, message, attempt_id)
            finally:
                event()

        monkeypatch.setattr(SES, "send", send)

    return arrange
