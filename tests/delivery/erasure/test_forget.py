"""A person is forgotten: what goes, what stays, what is waited for, and what is done when it is repeated."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from delivery import bundles, journal
from delivery.content import links, tombstones
from delivery.db import clock, traces
from delivery.erasure import background, forget
from delivery.events import record
from delivery.files import holds, storage
from delivery.journal import Entry
from delivery.models import (
    Attempt,
    Contact,
    Email,
    Erasure,
    IdempotencyKey,
    Import,
    ProviderEvent,
    Recipient,
    Suppression,
    Tag,
    Team,
    WebhookEndpoint,
    WebhookMessage,
)
from delivery.search import query
from delivery.sending import rounds, unknown
from delivery.submission import changes, emails, idempotency
from delivery.suppressions import entries, unsubscribing
from delivery.suppressions.entries import Finding
from providers.events import Bounce
from providers.message import Mailbox
from tests import fakes
from tests.delivery.erasure import dumps
from tests.delivery.events import told
from tests.delivery.factories import ANN, BOB, EVE, a_file, draft, left, queued, stored, under_way
from tests.providers.fault_server import answer

pytestmark = pytest.mark.django_db
WHO = Mailbox(address="Zenobia.Q@Canary.example", name="Zenobia Quux")
ADDRESS = "zenobia.q@canary.example"


@pytest.fixture
def carried(providers: None) -> Iterator[None]:
    """Both providers on loopback take what they are given."""
    return providers


def sent(*others: Mailbox, **fields: Any) -> Email:
    given = {"subject": "Quux canarysubject", "text": "Dear canarybody", "tags": (f"for:{ADDRESS}",)}
    to = (WHO, *others)
    given |= {"metadata": {"customer": WHO.address}, "headers": {"X-For": f"<{WHO.address}>"}}
    return emails.send(draft(to=to, **{**given, **fields}), team=None)


def erased(address: str = ADDRESS) -> Erasure:
    forget.erase(address, team=None)
    return Erasure.objects.latest("pk")


def hook() -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(url="https://hooks.example.org/", secret="whsec_x")


def suppressed(address: str = ADDRESS, **fields: Any) -> Suppression:
    given = {"team_id": None, "address": address, "kind": "complaint", "source": "ses", "at": clock.now()}
    return entries.add([Finding(**{**given, "reason": f"550 <{address}> complained", **fields})])[0]


@pytest.mark.django_db(transaction=True)
def test_nothing_of_the_person_is_left_in_tables_files_log_and_journal(
    carried: None, ses: fakes.FakeVendor, attachment_folder: Path
) -> None:
    bad = {"message": f"Bad <{WHO.address}>"}
    ses.script(answer(400, bad, {"x-amzn-ErrorType": "LimitExceededException"}))
    hook()
    email = sent(attachments=(a_file(b"canaryfile for zenobia.q@canary.example"),))
    sent(BOB)
    attempt = Attempt.objects.filter(outcome="accepted").first()
    assert attempt
    told.tell(attempt, "bounced", bounce=Bounce.HARD, reason=f"550 {ADDRESS}", raw={"to": "Zenobia Quux"})
    unknown_to_us = replace(told.event(attempt, "deferred", raw={"mail": ADDRESS}), attempt=str(uuid4()))
    record.record("ses", [unknown_to_us])
    emails.send(draft(reply_to=(WHO,), text=f"From {WHO.address}: hello"), team=None)
    Contact.objects.create(email=WHO.address, email_key=ADDRESS, first_name="Zenobia", data={"city": "Quux"})
    assert dumps.tables_with(ADDRESS)

    row = erased()

    assert row.state == "done", row.waits_for
    for canary in (ADDRESS, "zenobia", "quux", "canarysubject", "canarybody", "canaryfile"):
        assert dumps.tables_with(canary) == []
        assert dumps.files_with(canary) == []
    assert left(attachment_folder) == []
    email.refresh_from_db()
    assert (email.status, email.body_pruned_at is not None) == ("sent", True)
    assert row.counts["emails"] == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's log is its server's")
@pytest.mark.django_db(transaction=True)
def test_it_is_not_done_while_a_reader_keeps_sqlites_log(
    monkeypatch: pytest.MonkeyPatch, carried: None
) -> None:
    monkeypatch.setattr(traces, "_PATIENCE", 50)
    sent()
    with sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM delivery_email").fetchone()
        row = erased()
        assert (row.state, row.address) == ("waiting", "")
        assert row.waits_for == "A reader of the database keeps its log from being emptied."
        reader.execute("ROLLBACK")
    reader.close()
    again(row)
    assert (row.state, dumps.files_with(ADDRESS)) == ("done", [])


@pytest.mark.skipif(connection.vendor != "sqlite", reason="see docs/erasure.md for PostgreSQL")
def test_every_connection_overwrites_what_it_deletes() -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA secure_delete").fetchone() == (1,)


def test_other_recipients_stay_and_their_copy_of_the_text_goes(carried: None) -> None:
    email = sent(BOB)
    mark = erased().digest
    email.refresh_from_db()
    assert (email.subject, email.text_body, email.html_body) == ("", "", "")
    assert list(email.recipients.values_list("address", "name", "status")) == [
        (mark, mark, "accepted"),
        ("bob@example.org", "", "accepted"),
    ]
    assert email.metadata == {"customer": mark}
    assert Tag.objects.get().name == f"for:{mark}"
    with pytest.raises(changes.ContentGone):
        changes.resend(email)


def test_its_words_are_not_found_any_more(carried: None) -> None:
    sent()
    erased()
    assert not query.by_text(Email.objects.all(), "canarysubject")
    assert not query.by_text(Email.objects.all(), ADDRESS)


def test_what_waits_for_the_person_alone_is_cancelled(carried: None, ses: fakes.FakeVendor) -> None:
    email = emails.accept(draft(to=(WHO,), send_at=timezone.now() + timedelta(hours=1)), team=None)
    counts = forget.erase(ADDRESS, team=None)
    email.refresh_from_db()
    assert (email.status, email.recipients.get().status, counts["cancelled"]) == ("cancelled", "cancelled", 1)
    assert ses.mails == []


def test_what_waits_for_others_too_goes_without_the_person(carried: None, ses: fakes.FakeVendor) -> None:
    email = emails.accept(draft(to=(WHO, BOB), subject="canarysubject"), team=None)
    row = erased()
    assert (row.state, dumps.tables_with("zenobia")) == ("waiting", ["delivery_erasure"])

    rounds.dispatch(email.pk)
    assert [mail.recipients for mail in ses.arrived()] == [{"bob@example.org"}]
    assert {r.address: r.status for r in email.recipients.all()} == {
        row.digest: "suppressed",
        "bob@example.org": "accepted",
    }
    again(row)
    assert (row.state, row.address, dumps.tables_with("canarysubject")) == ("done", "", [])


def again(row: Erasure) -> None:
    """Let the worker go on with it, whose turn has come."""
    Erasure.objects.filter(pk=row.pk, finished_at=None).update(lease_until=None)
    background.go_on()
    row.refresh_from_db()


def test_an_erasure_that_fails_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    whom = [forget.find(who) for who in (WHO.address, EVE.address)]
    rows = [forget.start(person, forget.reach.EVERYWHERE, by="test") for person in whom]
    going_on = forget._go_on

    def fail_for_one(erasure: Erasure, *others: Any) -> None:
        if erasure.pk == rows[0].pk:
            raise PermissionError("a file of another user")
        going_on(erasure, *others)

    monkeypatch.setattr(forget, "_go_on", fail_for_one)
    again(rows[1])
    rows[0].refresh_from_db()
    assert [row.state for row in rows] == ["running", "done"]


def test_an_erasure_goes_on_though_the_clock_was_set_back() -> None:
    row = forget.start(forget.find(ADDRESS), forget.reach.EVERYWHERE, by="test")
    Erasure.objects.update(lease_until=timezone.now() + timedelta(hours=3))
    background.go_on()
    row.refresh_from_db()
    assert row.state == "done"


def test_what_is_being_sent_is_finished_first() -> None:
    attempt = under_way()
    Recipient.objects.filter(email=attempt.email).update(address=WHO.address, canonical=ADDRESS)
    row = erased()
    assert (row.state, row.address) == ("waiting", ADDRESS)
    assert attempt.email.recipients.get().address == WHO.address
    again(row)
    assert row.state == "waiting"

    Email.objects.filter(pk=attempt.email.pk).update(status="sent")
    WebhookMessage.objects.create(
        endpoint=hook(),
        kind="email.sent",
        at=timezone.now(),
        data={"recipient": WHO.address},
    )
    again(row)
    assert (row.state, dumps.tables_with(ADDRESS)) == ("done", [])


def test_what_may_have_been_sent_is_not_sent_again(carried: None, ses: fakes.FakeVendor) -> None:
    email = queued(status="unknown", due_at=timezone.now() + timedelta(seconds=30))
    Recipient.objects.filter(email=email).update(canonical=ADDRESS, address=WHO.address, status="unknown")
    erased()
    email.refresh_from_db()
    assert (email.status, email.due_at, email.recipients.get().status) == ("unknown", None, "unknown")

    assert unknown.deny(email, by="someone")
    rounds.dispatch(email.pk)
    email.refresh_from_db()
    assert (email.status, email.reason, ses.mails) == ("failed", rounds.CONTENT_GONE, [])


def test_the_suppression_stays_and_works_without_the_address(carried: None, api: fakes.Api) -> None:
    kept = suppressed()
    mark = erased().digest
    row = Suppression.objects.get()
    assert (row.pk, row.address, row.kind, row.reason) == (
        kept.pk,
        mark,
        "complaint",
        f"550 <{mark}> complained",
    )
    for spelling in (ADDRESS, WHO.address, ADDRESS.upper()):
        refused = api.send(to_addresses=[spelling])
        assert (refused.status_code, refused.json()["code"]) == (403, "all_suppressed")
    assert api.get("suppressions/", address=ADDRESS.upper()).json()["results"][0]["address"] == mark
    assert not Email.objects.exists()


def test_a_suppression_with_a_domain_in_unicode_is_found_in_both_spellings(
    carried: None, api: fakes.Api
) -> None:
    suppressed("zoe@xn--bcher-kva.example")
    other = emails.send(draft(to=(BOB,), metadata={"who": "Zoe@bücher.example"}), team=None)
    forget.erase("ZOE@Bücher.example", team=None)
    assert dumps.tables_with("bcher-kva") == []
    other.refresh_from_db()
    assert tombstones.is_one(other.metadata["who"])
    for spelling in ("zoe@bücher.example", "Zoe@xn--bcher-kva.example"):
        assert api.send(to_addresses=[spelling]).status_code == 403


@pytest.mark.parametrize("key", ["new-key-of-tombstones-" * 2, None])
def test_suppressions_work_while_their_key_is_among_the_keys(
    settings: Any, carried: None, api: fakes.Api, key: str | None
) -> None:
    suppressed()
    erased()
    settings.GOMAIL_TOMBSTONE_KEYS = (key, *settings.GOMAIL_TOMBSTONE_KEYS) if key else ()
    assert api.send(to_addresses=[ADDRESS]).status_code == (403 if key else 200)


def test_who_is_told_of_again_stays_hidden() -> None:
    suppressed()
    mark = erased().digest
    assert not entries.add(
        [Finding(team_id=None, address=WHO.address, kind="complaint", source="csv", at=clock.now())]
    )
    suppressed(kind="manual", reason=f"{WHO.address} asked")
    assert dumps.tables_with(ADDRESS) == []
    assert sorted(Suppression.objects.values_list("address", "kind", "count")) == [
        (mark, "complaint", 2),
        (mark, "manual", 1),
    ]


def test_an_event_that_comes_late_is_kept_under_the_tombstone_and_counts_once(carried: None) -> None:
    sent()
    attempt = Attempt.objects.get()
    told.tell(attempt, "delivered", recipient=WHO.address)
    mark = erased().digest
    late = {
        "recipient": WHO.address,
        "reason": f"550 {WHO.address}",
        "raw": {"x": WHO.name},
        "bounce": Bounce.HARD,
    }

    assert told.tell(attempt, "bounced", after=5, **late).new == 1
    assert told.tell(attempt, "bounced", after=5, **late).repeated == 1
    assert told.tell(attempt, "delivered", recipient=WHO.address).repeated == 1
    assert dumps.tables_with("zenobia") == []
    assert (Recipient.objects.get().status, Suppression.objects.get().address) == ("bounced", mark)
    assert set(ProviderEvent.objects.values_list("recipient", flat=True)) == {mark}


def test_who_is_written_to_anew_gets_events_as_everybody_does(carried: None) -> None:
    erased()
    sent()
    told.tell(Attempt.objects.get(), "delivered", recipient=WHO.address)
    assert Recipient.objects.get().status == "delivered"


def test_a_repeated_request_still_finds_its_email(carried: None) -> None:
    asked = draft(to=(WHO,))
    use = idempotency.use(f"welcome {WHO.address}", None, draft=asked)
    email = emails.send(asked, team=None, key_use=use)
    erased()
    assert dumps.tables_with(ADDRESS) == []
    assert emails.send(asked, team=None, key_use=use).pk == email.pk
    assert IdempotencyKey.objects.count() == Email.objects.count() == 1
    other = idempotency.use(f"welcome {WHO.address}", None, draft=draft(to=(BOB,)))
    with pytest.raises(idempotency.UsedOtherwise):
        idempotency.find(other)


def test_a_team_forgets_in_its_own_rows_alone(carried: None) -> None:
    team, others = Team.objects.create(name="one"), Team.objects.create(name="another")
    for each in (team, others):
        emails.send(draft(to=(WHO,), metadata={"who": ADDRESS}), team=each)
        suppressed(team_id=each.pk)
        Contact.objects.create(team=each, email=WHO.address, email_key=ADDRESS)
    suppressed()
    mark = forget.start(forget.find(ADDRESS), forget.reach.of_team(team), by="key").digest
    forget.erase(ADDRESS, team=team)

    assert set(Recipient.objects.values_list("email__team__name", "address")) == {
        ("one", mark),
        ("another", WHO.address),
    }
    assert set(Suppression.objects.values_list("team__name", "address")) == {
        ("one", mark),
        ("another", ADDRESS),
        (None, ADDRESS),
    }
    assert set(Contact.objects.values_list("team__name", "email")) == {
        ("one", mark),
        ("another", WHO.address),
    }
    assert Email.objects.get(team=others).metadata == {"who": ADDRESS}


def test_addresses_that_only_look_like_it_stay(carried: None) -> None:
    like = ["x.zenobia.q@canary.example", "zenobia.q@canary.example.org", "zenobia-q@canary.example"]
    text = f"{' '.join(like)} mailto:{ADDRESS}?a=b https://x.example/?to=%3Czenobia.q%40canary.example%3E"
    email = emails.send(draft(to=(BOB,), text=text), team=None)
    mark = erased().digest
    email.refresh_from_db()
    assert email.text_body == f"{' '.join(like)} mailto:{mark}?a=b https://x.example/?to=%3C{mark}%3E"


def test_a_file_that_another_email_has_stays(carried: None, attachment_folder: Path) -> None:
    file = a_file()
    sent(attachments=(file,))
    emails.send(draft(to=(BOB,), attachments=(file,)), team=None)
    assert erased().state == "done"
    assert len(left(attachment_folder)) == 1


def test_a_file_that_a_request_is_about_to_name_is_waited_for(carried: None, attachment_folder: Path) -> None:
    sent(attachments=(a_file(),))
    with holds.until_saved():
        bundle = bundles.waiting(draft(to=(EVE,), attachments=(a_file(),)), None)
        bundle.keep_files()
        row = erased()
        assert (row.state, len(left(attachment_folder))) == ("waiting", 1)
        bundle.save()
    again(row)
    assert (row.state, len(left(attachment_folder))) == ("done", 1)


def test_whoever_sends_the_content_again_later_stores_it_anew(carried: None, attachment_folder: Path) -> None:
    sent(attachments=(a_file(),))
    erased()
    assert left(attachment_folder) == []
    assert stored(attachment_folder, a_file()).exists()


def test_it_may_be_repeated_and_changes_nothing_then(carried: None) -> None:
    sent()
    first, second = erased(), erased()
    assert (first.digest, second.state, second.counts.get("emails", 0)) == (second.digest, "done", 0)


def test_the_journal_is_overwritten_in_place_and_can_be_read(carried: None, journal_folder: Path) -> None:
    sent(BOB)
    attempt = Attempt.objects.get()
    words = (
        f"550 5.1.1 <{WHO.address}>... 'zenobia.q@canary.example' \nzenobia.q@canary.example; bob@example.org"
    )
    entry = Entry(
        attempt=str(attempt.pk),
        outcome="accepted",
        email=str(attempt.email_id),
        recipients="ab" * 32,
        detail=words,
        refused={WHO.address: "no", "eve@example.org": "no"},
    )
    journal.write(entry)
    (file,) = [file for file in journal_folder.glob("*.journal") if b"5.1.1" in file.read_bytes()]
    before = file.read_bytes()
    counts = forget.erase(ADDRESS, team=None)

    after = file.read_bytes()
    assert (len(after), counts["journal_lines"]) == (len(before), 2)  # the real answer, too
    assert dumps.files_with("zenobia") == []
    read = journal.remembered()[str(attempt.pk)]
    assert (read.outcome, read.email, read.recipients) == ("accepted", entry.email, "0" * 64)
    assert "bob@example.org" in read.detail
    assert [name for name in read.refused if not name.startswith(tombstones.PREFIX)] == ["eve@example.org"]


def test_a_line_that_the_database_lacks_is_left_alone(journal_folder: Path) -> None:
    attempt = under_way(status="unknown", outcome="unknown")
    erased()
    journal.write(
        Entry(attempt=str(attempt.pk), email=str(attempt.email_id), outcome="accepted", detail=ADDRESS)
    )
    background._overwritten.known.clear()
    background.look()
    assert journal.known()[str(attempt.pk)].detail == ADDRESS
    Attempt.objects.update(outcome="accepted")
    background._overwritten.known.clear()
    background.look()
    assert ADDRESS not in journal.known()[str(attempt.pk)].detail


def test_an_import_that_would_bring_the_person_back_is_waited_for(attachment_folder: Path) -> None:
    file = f"email\n{WHO.address}\n"
    ours = Import.objects.create(filename="a.csv", encoding="utf-8", status="ready")
    others = Import.objects.create(filename="b.csv", encoding="utf-8", status="ready")
    storage.attachments().save(f"imports/{ours.pk.hex}", ContentFile(file.encode("utf-16-le")))
    storage.attachments().save(f"imports/{others.pk.hex}", ContentFile(b"email\nx.zenobia@example.org\n"))
    row = erased()
    assert (row.state, "Imports that are not over and whose files have the address: 1." in row.waits_for) == (
        *("waiting", True),
    )
    Import.objects.filter(pk=ours.pk).update(status="cancelled")
    Contact.objects.create(email=WHO.address, email_key=ADDRESS)  # which it had made until then
    again(row)
    assert (row.state, dumps.tables_with(ADDRESS)) == ("done", [])


def test_the_unsubscribe_link_of_an_erased_email_still_works(
    settings: Any, carried: None, api: fakes.Api
) -> None:
    settings.GOMAIL_PUBLIC_URL, settings.GOMAIL_LINK_KEYS = "https://mail.example.org", ("l" * 32,)
    email = emails.send(draft(to=(WHO,), unsubscribe="list:news"), team=None)
    mark = erased().digest
    unsubscribing.unsubscribe(links.url(email.pk).rpartition("/")[2])
    assert (Suppression.objects.get().address, dumps.tables_with(ADDRESS)) == (mark, [])
    refused = api.send(to_addresses=[WHO.address], unsubscribe="news")
    assert (refused.status_code, refused.json()["code"]) == (403, "all_suppressed")


# The command.


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("forget", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_command_says_what_it_does_and_asks(carried: None, monkeypatch: Any) -> None:
    sent()
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match=r"Nothing was changed\."):
        said(WHO.address)
    assert Email.objects.get().text_body
    monkeypatch.setattr("builtins.input", lambda _: f" {WHO.address} ")
    answer = said(WHO.address)
    assert "Emails to this address: 1. They lose subject, text and files" in answer
    assert "emails: 1\n" in answer
    assert f"Done. Erasure {Erasure.objects.get().pk}" in answer


def test_without_a_key_the_command_refuses_and_says_what_to_do(settings: Any) -> None:
    settings.GOMAIL_TOMBSTONE_KEYS = ()
    with pytest.raises(CommandError, match=r"GOMAIL_TOMBSTONE_KEYS is not set.*secrets\.token_urlsafe"):
        said("--yes", ADDRESS)
    assert not Erasure.objects.exists()


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(CommandError):
        said("--yes", "nobody")


def test_teams_are_known_by_anns_sender(carried: None) -> None:
    email = emails.send(draft(sender=Mailbox(address=ANN.address, name="Ann")), team=None)
    mark = erased(ANN.address).digest
    email.refresh_from_db()
    assert (email.from_address, email.from_name) == (mark, mark)


def test_all_that_is_kept_is_written_as_json(carried: None) -> None:
    sent(BOB)
    out = StringIO()
    call_command("export_recipient", ADDRESS.upper(), stdout=out)
    given = json.loads(out.getvalue())
    assert [(each["subject"], each["recipients"][0]["name"]) for each in given["emails"]] == [
        ("Quux canarysubject", "Zenobia Quux")
    ]
    assert "bob@example.org" not in out.getvalue()
    with pytest.raises(CommandError):
        call_command("export_recipient", "nobody")
