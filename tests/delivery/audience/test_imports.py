"""What a file does to contacts and groups, once and again, in whatever pieces it is read."""

from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from delivery.audience import claims, contacts, exports, groups, imports, runner, sheet_reader, undo, writing
from delivery.audience.questions import NotTaken
from delivery.content import tombstones
from delivery.models import Contact, Erasure, Group, Import, ImportReject, Membership, Team
from delivery.retention import prune
from tests.delivery.audience import bringing
from tests.delivery.audience.bringing import brought, emails, imported, run
from tests.delivery.factories import aged

pytestmark = pytest.mark.django_db
FILE = "email,first_name,city\nann@example.org,Ann,Wien\nbob@example.org,,Graz\n"


def contact(email: str = "ann@example.org", **fields: Any) -> Contact:
    with transaction.atomic():
        return contacts.create(None, email=email, **fields)


def group(name: str = "News", team: Team | None = None) -> Group:
    with transaction.atomic():
        return groups.create(team, name=name)


def ann() -> Contact:
    return Contact.objects.get(email_key="ann@example.org")


def counts(of: Import) -> tuple[int, ...]:
    return of.total, of.created, of.updated, of.unchanged, of.failed, of.duplicates


def test_a_file_makes_contacts_and_puts_them_into_a_group(tmp_path: Path) -> None:
    done = imported(tmp_path, FILE, group=(news := group()))
    assert (done.status, counts(done)) == ("done", (2, 2, 0, 0, 0, 0))
    assert (ann().first_name, ann().data) == ("Ann", {"city": "Wien"})
    assert set(news.memberships.values_list("status", "by")) == {("subscribed", f"import:{done.pk}")}


def test_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    imported(tmp_path, FILE, group=(news := group()))
    before = list(Contact.objects.order_by("id").values("id", "changed_at")), list(news.memberships.values())
    assert counts(imported(tmp_path, FILE, group=news)) == (2, 0, 0, 2, 0, 0)
    assert (
        list(Contact.objects.order_by("id").values("id", "changed_at")),
        list(news.memberships.values()),
    ) == before


@pytest.mark.parametrize(
    ("on_existing", "first_name", "data"),
    [
        ("merge", "Anna", {"city": "Wien", "vip": True}),
        ("replace", "", {"city": "Wien", "vip": True}),
        ("skip", "Anna", {"city": "Linz", "vip": True}),
    ],
)
def test_an_existing_contact_is_merged_replaced_or_left_alone(
    tmp_path: Path, on_existing: str, first_name: str, data: dict[str, Any]
) -> None:
    contact(first_name="Anna", data={"city": "Linz", "vip": True})
    file = "email,first_name,city\nANN@example.org,,Wien\n"
    done = imported(tmp_path, file, on_existing=on_existing)
    assert (ann().first_name, ann().data) == (first_name, data)
    assert counts(done) == ((1, 0, 0, 1, 0, 0) if on_existing == "skip" else (1, 0, 1, 0, 0, 0))


@pytest.mark.parametrize("on_existing", ["merge", "replace", "skip"])
@pytest.mark.parametrize("chunk", [1, 2, 5000])
def test_the_last_of_several_rows_wins_wherever_a_chunk_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_existing: str, chunk: int
) -> None:
    monkeypatch.setattr(runner, "CHUNK", chunk)
    file = "email,name\nann@example.org,A\nbob@example.org,B\nAnn@example.org,An\nann@example.org,Ann\n"
    done = imported(tmp_path, file, on_existing=on_existing)
    assert (ann().name, counts(done)) == ("Ann", (4, 2, 0, 0, 0, 2))


def test_a_dry_run_counts_the_same_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "CHUNK", 2)
    contact(first_name="Anna")
    file = f"{FILE}bob@example.org,Bob,Graz\nnobody,x,y\neve@example.org,Eve,Linz\n"
    checked = imported(tmp_path, file, dry_run=True, group=group())
    assert (checked.status, Contact.objects.count(), Membership.objects.count()) == ("ready", 1, 0)
    foreseen, rejects = counts(checked), bringing.rejects(checked)
    with transaction.atomic():
        imports.change(checked, "run")
    assert counts(run(checked)) == foreseen == (5, 2, 1, 0, 1, 1)
    assert bringing.rejects(checked) == rejects == ["5: invalid_address"]


@pytest.mark.parametrize(("max_bad", "status"), [(0.5, "done"), (0.1, "ready")])
def test_a_file_that_is_good_enough_runs_by_itself(tmp_path: Path, max_bad: float, status: str) -> None:
    done = imported(tmp_path, "email\nann@example.org\nnobody\n", confirm=True, max_bad=max_bad)
    assert (done.status, emails()) == (status, ["ann@example.org"] if status == "done" else [])


@pytest.mark.parametrize("status", ["unsubscribed", "removed"])
def test_who_has_unsubscribed_stays_so(tmp_path: Path, status: str) -> None:
    news, person = group(), contact()
    Membership.objects.create(group=news, contact=person, status=status, by="link")
    imported(tmp_path, FILE, group=news)
    expected = "unsubscribed" if status == "unsubscribed" else "subscribed"
    assert Membership.objects.get(contact=person).status == expected


def test_undo_takes_what_it_made_and_what_it_added(tmp_path: Path) -> None:
    news = group()
    contact("old@example.org")
    done = imported(tmp_path, FILE + "old@example.org,,\n", group=news)
    assert imports.take_back(done).status == "undone"
    assert (emails(), Membership.objects.count()) == (["old@example.org"], 0)


def test_undo_leaves_whom_somebody_has_used_or_changed(tmp_path: Path) -> None:
    file = "".join(
        f"{name}@example.org\n" for name in ("email", "changed", "joined", "left", "again", "gone")
    )
    done = imported(tmp_path, file.replace("email@example.org", "email"), group=(news := group()))
    people = {each.email.partition("@")[0]: each for each in Contact.objects.all()}
    with transaction.atomic():
        contacts.change(people["changed"], name="C")
        groups.join(group("Other"), people["joined"], by="api")
        groups.set_status(news.memberships.get(contact=people["left"]), "unsubscribed", by="link")
    imported(tmp_path, "email\nagain@example.org\n")
    imports.take_back(done)
    assert [each.partition("@")[0] for each in emails()] == ["again", "changed", "joined", "left"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_whom_several_files_had_goes_with_the_last_that_is_undone(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    several = [imported(tmp_path, FILE, group=group(name)) for name in ("A", "B", "")]
    made = emails()
    for at in order:
        assert emails() == made
        imports.take_back(several[at])
    assert (emails(), Membership.objects.count()) == ([], 0)


def test_several_files_may_be_undone_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    news = group()
    first, second = (imported(tmp_path, FILE, group=news) for _ in range(2))
    really = undo.run

    def undone_meanwhile(one: Import) -> None:
        if one.pk == first.pk:
            really(one)  # the second one is still there, and gets the members
            monkeypatch.setattr(undo, "run", really)
            imports.take_back(second)  # while the first one is not undone yet

    monkeypatch.setattr(undo, "run", undone_meanwhile)
    imports.take_back(first)
    assert (emails(), Membership.objects.count()) == ([], 0)


def test_whom_a_file_between_may_have_had_stays(tmp_path: Path) -> None:
    first, between, last = (imported(tmp_path, FILE) for _ in range(3))
    imports.take_back(first)
    imports.take_back(last)
    assert emails()
    imported(tmp_path, "email\nother@example.org\n")  # this one cannot
    imports.take_back(between)
    assert emails() == ["other@example.org"]


def test_undoing_one_file_leaves_in_the_group_whom_another_brought_into_it(tmp_path: Path) -> None:
    news = group()
    first = imported(tmp_path, "email\nann@example.org\nbob@example.org\n", group=news)
    second = imported(tmp_path, "email\nbob@example.org\n", group=news)
    imports.take_back(first)
    assert [each.contact.email for each in news.memberships.all()] == ["bob@example.org"]
    imports.take_back(second)
    assert (emails(), Membership.objects.count()) == ([], 0)


def test_whom_somebody_has_changed_or_used_stays_when_all_files_are_undone(tmp_path: Path) -> None:
    file = "email\nchanged@example.org\njoined@example.org\ngone@example.org\n"
    several = [imported(tmp_path, file) for _ in range(2)]
    people = {each.email.partition("@")[0]: each for each in Contact.objects.all()}
    with transaction.atomic():
        contacts.change(people["changed"], name="C")
        groups.join(group("Other"), people["joined"], by="api")
    for each in several:
        imports.take_back(each)
    assert emails() == ["changed@example.org", "joined@example.org"]


def test_a_running_import_stops_behind_its_chunk_and_goes_on_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "CHUNK", 1)
    held = claims.take(brought(tmp_path, FILE).pk)
    assert held

    def pause(one: Import) -> None:
        with transaction.atomic():
            imports.change(Import.objects.get(pk=one.pk), "pause")

    runner.work(held, lambda: True, pause)
    held.refresh_from_db()
    assert (held.status, held.position, held.worker, emails()) == ("paused", 1, None, ["ann@example.org"])
    with transaction.atomic():
        imports.change(held, "resume")
    assert counts(run(held)) == (2, 2, 0, 0, 0, 0)


def test_a_process_whose_claim_was_taken_stores_nothing(tmp_path: Path) -> None:
    late = claims.take(brought(tmp_path, FILE).pk)
    assert late
    Import.objects.filter(pk=late.pk).update(lease_until=None)
    assert claims.take(late.pk)
    runner.work(late, lambda: True)
    assert (emails(), Import.objects.get().status) == ([], "uploaded")


def test_a_file_that_ends_three_processes_is_set_aside_and_may_be_run_again(tmp_path: Path) -> None:
    one = brought(tmp_path, FILE)
    for _ in range(3):
        assert claims.take()
        claims.free(Import.objects.get().worker or uuid4())  # its process has gone
    assert claims.take() is None
    one.refresh_from_db()
    assert (one.status, "set aside" in one.error) == ("failed", True)
    with transaction.atomic():
        imports.change(one, "run")
    assert run(one).status == "done"


def test_a_file_that_has_gone_fails_and_says_so(tmp_path: Path, attachment_folder: Path) -> None:
    one = brought(tmp_path, FILE)
    (attachment_folder / "imports" / one.pk.hex).unlink()
    assert (run(one).status, "not there" in one.error) == ("failed", True)


def test_somebody_else_makes_a_contact_at_that_very_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, calls = writing.insert, []

    def late(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise writing.Again
        stored(*arguments)

    monkeypatch.setattr(writing, "insert", late)
    assert counts(imported(tmp_path, FILE)) == (2, 2, 0, 0, 0, 0)
    assert len(calls) == 2


def test_an_import_of_one_team_leaves_the_others_alone(tmp_path: Path) -> None:
    teams = [Team.objects.create(name=name) for name in ("shop", "club")]
    for team in teams:
        imported(tmp_path, FILE, team=team)
    assert [Contact.objects.filter(team=team).count() for team in (*teams, None)] == [2, 2, 0]


@pytest.mark.parametrize("for_spreadsheet", [False, True])
def test_what_was_exported_comes_in_again(tmp_path: Path, for_spreadsheet: bool) -> None:
    known = {
        "": "no name",
        "=cmd": "=1+1",
        "Name": "x",
        "city": "Wien, 1\nÖ",
        "number": "-12,5",
        "quote": '"',
    }
    contact("=1+1@example.com", first_name="-Ann", name="'=Bob", data=known, locale="de-AT")
    contact("bob@example.org")
    before = list(Contact.objects.order_by("id").values("email", "first_name", "name", "data", "locale"))
    file = "".join(exports.contacts(Contact.objects.all(), for_spreadsheet=for_spreadsheet))
    Contact.objects.all().delete()
    imported(tmp_path, file, from_spreadsheet=for_spreadsheet)
    after = list(Contact.objects.order_by("-id").values("email", "first_name", "name", "data", "locale"))
    assert sorted(map(str, after)) == sorted(map(str, before))


def test_an_export_that_is_read_over_what_is_there_changes_nothing(tmp_path: Path) -> None:
    data = {"": "no name", "data:x": "colon", "number": 5, "list": [1], "nothing": None, "blank": " x "}
    contact(first_name=" Ann", name="Lee ", data=data)
    file = "".join(exports.contacts(Contact.objects.all()))
    for how in ("merge", "replace"):
        assert counts(imported(tmp_path, file, on_existing=how)) == (1, 0, 0, 1, 0, 0)
    assert (ann().first_name, ann().name, ann().data) == (" Ann", "Lee ", data)


def test_the_name_of_a_file_is_shown_in_one_line_and_one_direction(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(FILE)
    taken = imports.take(None, file, imports.Order(filename="a\u202ecsv\n.exe "))
    assert taken.filename == "acsv .exe"


def test_a_file_for_a_spreadsheet_holds_nothing_to_compute(tmp_path: Path) -> None:
    contact("=1+1@example.com", name="@SUM(A1)", data={"debt": "-12.50", "phone": "+43 1"})
    text = "".join(exports.contacts(Contact.objects.all(), for_spreadsheet=True, delimiter=";"))
    assert text.splitlines()[1] == "'=1+1@example.com;;;'@SUM(A1);;-12.50;'+43 1"


def test_rejects_are_a_file(tmp_path: Path) -> None:
    done = imported(tmp_path, "email,name\n=HYPERLINK(1),x\n")
    (line,) = "".join(exports.rejects(done)).splitlines()[1:]
    assert line == "2,email,invalid_address,'=HYPERLINK(1)"
    assert ImportReject.objects.get().column == "email"


def test_a_file_is_kept_until_the_import_is_over(
    tmp_path: Path, attachment_folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    folder = attachment_folder / "imports"
    checked, cancelled = imported(tmp_path, FILE, dry_run=True), brought(tmp_path, FILE)
    assert {file.name for file in folder.iterdir()} == {checked.pk.hex, cancelled.pk.hex}
    with django_capture_on_commit_callbacks(execute=True):
        imports.change(cancelled, "cancel")
        imports.change(checked, "run")
        run(checked)
    assert list(folder.iterdir()) == []


def test_files_that_nobody_wrote_down_are_pruned_after_a_day(tmp_path: Path, attachment_folder: Path) -> None:
    wanted, lost = brought(tmp_path, FILE), brought(tmp_path, FILE)
    Import.objects.filter(pk=lost.pk).delete()
    files = [attachment_folder / "imports" / one.pk.hex for one in (wanted, lost)]
    assert sum(prune.prune_files()) == 0
    for file in files:
        aged(file, minutes=25 * 60)
    assert (sum(prune.count_files()), sum(prune.prune_files())) == (1, 1)
    assert [file.exists() for file in files] == [True, False]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_file_does_not_bring_back_who_was_erased_nor_name_them(
    tmp_path: Path, settings: Any, dry_run: bool
) -> None:
    settings.GOMAIL_TOMBSTONE_KEYS = ("k" * 32,)
    shop = Team.objects.create(name="shop")
    (tombstone,) = tombstones.of("ann@example.org")
    Erasure.objects.create(team=shop, digest=tombstone)
    done = imported(tmp_path, "email\nnobody\nAnn@example.org\nbob@example.org\n", team=shop, dry_run=dry_run)
    assert (bringing.rejects(done), done.failed) == (["2: invalid_address", "3: forgotten"], 2)
    assert done.rejects.get(code="forgotten").value == tombstone
    assert emails() == ([] if dry_run else ["bob@example.org"])
    assert imported(tmp_path, FILE).created == 2  # another team's file


def test_what_a_file_adds_to_much_data_is_rejected_and_brings_nobody_into_the_group(tmp_path: Path) -> None:
    contact(data={"notes": "x" * 16_000})
    done = imported(
        tmp_path, f"email,more\nann@example.org,{'y' * 600}\nbob@example.org,z\n", group=(news := group())
    )
    assert counts(done) == (2, 1, 0, 0, 1, 0)
    assert bringing.rejects(done) == ["2: data_too_large"]
    assert list(news.memberships.values_list("contact__email", flat=True)) == ["bob@example.org"]
    assert set(ann().data) == {"notes"}


def test_a_value_that_its_file_would_show_so_stays_what_it_is(tmp_path: Path) -> None:
    data = {"visits": 5, "vip": True, "tags": ["a", "b"], "note": "x "}
    contact(data=data)
    file = "".join(exports.contacts(Contact.objects.all()))
    for on_existing in ("merge", "replace"):
        assert counts(imported(tmp_path, file, on_existing=on_existing)) == (1, 0, 0, 1, 0, 0)
    assert ann().data == data


def test_names_of_data_that_look_alike_come_back_as_they_went(tmp_path: Path) -> None:
    data = {"City": "Wien", "city": "Graz", " x": "1", "\u200by": "2", "data:z": "3", "E-Mail": "4"}
    contact(data=data)
    file = "".join(exports.contacts(Contact.objects.all()))
    Contact.objects.all().delete()
    assert counts(imported(tmp_path, file)) == (1, 1, 0, 0, 0, 0)
    assert ann().data == data


def test_an_import_that_is_undone_is_not_resumed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "CHUNK", 1)
    held = brought(tmp_path, FILE)
    runner.work(taken := claims.take(held.pk), lambda: False)  # type: ignore[arg-type]
    imports.change(held, "pause")
    really = undo.run

    def resumed_meanwhile(imported: Import) -> None:
        really(imported)
        with pytest.raises(imports.NotNow):
            imports.change(Import.objects.get(pk=imported.pk), "resume")

    monkeypatch.setattr(undo, "run", resumed_meanwhile)
    assert taken
    assert imports.take_back(held).status == "undone"
    assert emails() == []


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (4111111111111111.0, "4111111111111111"),
        (1e20, "100000000000000000000"),
        (-0.0, "0"),
        (0.00001, "0.00001"),
        (1234.5, "1234.5"),
        (1e300, "1e+300"),
    ],
)
def test_a_number_in_a_workbook_is_shown_with_its_digits(number: float, shown: str) -> None:
    assert sheet_reader._text(number) == shown


def test_a_length_of_time_in_a_workbook_is_shown_in_hours() -> None:
    assert sheet_reader._text(timedelta(days=1, hours=12, seconds=5)) == "36:00:05"


@pytest.mark.parametrize("name", ["utf-16", "utf-32"])
def test_an_encoding_that_needs_a_mark_is_refused_without_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotTaken) as raised:
        brought(tmp_path, FILE, encoding=name)
    assert raised.value.code == "encoding_undecided"


def test_an_export_has_no_more_columns_than_an_import_takes() -> None:
    contact("ann@example.com", data={f"n{number}": "x" for number in range(600)})
    other = contact("bob@example.com", data={f"m{number}": "x" for number in range(392)})
    header = "".join(exports.contacts(Contact.objects.all())).splitlines()[0]
    assert len(header.split(",")) == 5 + 992
    other.data["one more"] = "x"
    other.save()
    with pytest.raises(NotTaken, match="more than 992 names"):
        exports.contacts(Contact.objects.all())


def test_a_piece_of_an_export_is_no_longer_for_long_rows() -> None:
    for number in range(40):
        contact(f"p{number}@example.com", data={"long": "x" * 15_000})
    assert max(map(len, exports.contacts(Contact.objects.all()))) < 150_000


@pytest.mark.parametrize("name", ["A\nB", "", " \u202e", "x" * 101])
def test_the_command_makes_no_group_of_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    file = tmp_path / "people.csv"
    file.write_text(FILE)
    with pytest.raises(CommandError, match=r"name of (a|the) group"):
        call_command("import_contacts", str(file), group=name)
    assert (Group.objects.count(), Import.objects.count()) == (0, 0)
