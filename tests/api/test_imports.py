"""imports/: a file comes by the API, asks what it must, and is watched, held and undone."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from api.audience import files
from delivery.access import keys
from delivery.access.scopes import Scope
from delivery.audience import runner
from delivery.models import AuditEntry, Contact, Import
from tests import fakes

pytestmark = pytest.mark.django_db
FILE = "email,name\nann@example.org,Ann\nnobody,x\n"
EUROPEAN = "sep=;\r\nE-Mail;Vorname\r\nann@example.org;Änne\r\n".encode("cp1252")


def bring(api: fakes.Api, content: str | bytes = FILE, **fields: Any) -> Any:
    raw = content if isinstance(content, bytes) else content.encode()
    form = {"file": SimpleUploadedFile("people.csv", raw, "text/csv"), **fields}
    return api.client.post(fakes.V1 + "imports/", form, headers=api.headers)


def brought(api: fakes.Api, **fields: Any) -> str:
    answer = bring(api, **fields)
    assert answer.status_code == 202, answer.content
    return str(answer.json()["id"])


def work() -> None:
    assert runner.step(lambda: True)


def test_a_file_is_brought_run_and_undone(api: fakes.Api) -> None:
    news = api.post("groups/", {"name": "News"}).json()["id"]
    pk = brought(api, group=news)
    work()
    shown = api.get(f"imports/{pk}/").json()
    assert (shown["status"], shown["filename"], shown["percent"]) == ("done", "people.csv", 100.0)
    assert shown["counts"] == {
        "total": 2,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "failed": 1,
        "duplicates": 0,
    }
    assert shown["mapping"] == {"email": "email", "name": "name"}
    rejects = b"".join(api.get(f"imports/{pk}/rejects/").streaming_content).decode()
    assert rejects == "\ufeffline,column,code,value\r\n3,email,invalid_address,nobody\r\n"
    assert api.post(f"imports/{pk}/undo/", {}).json()["status"] == "undone"
    assert Contact.objects.count() == 0
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"import.started", "import.undone"}


def test_a_dry_run_waits_to_be_run_under_the_same_id(api: fakes.Api) -> None:
    pk = brought(api, dry_run="true")
    work()
    assert (api.get(f"imports/{pk}/").json()["status"], Contact.objects.count()) == ("ready", 0)
    assert api.post(f"imports/{pk}/run/", {}).json()["id"] == pk
    work()
    assert (api.get(f"imports/{pk}/").json()["status"], Contact.objects.count()) == ("done", 1)


def test_an_encoding_is_asked_for_with_the_cells_in_five_and_then_taken(api: fakes.Api) -> None:
    asked = bring(api, EUROPEAN)
    told = asked.json()
    assert (asked.status_code, told["code"], told["success"]) == (422, "encoding_undecided", False)
    read = {each["encoding"]: each["cells"] for each in told["preview"]["encodings"]}
    assert (len(read), read["cp1252"], read["mac-roman"]) == (5, ["Änne"], ["ƒnne"])
    assert Import.objects.count() == 0
    assert bring(api, EUROPEAN, encoding="cp1252").status_code == 202
    work()
    assert Contact.objects.get().first_name == "Änne"


@pytest.mark.parametrize(
    ("content", "fields", "code"),
    [
        ("a@example.org\nb@example.org\n", {}, "header_missing"),
        ("who\nann@example.org\n", {}, "no_email_column"),
        (FILE, {"mapping": '{"mail": "email"}'}, "mapping_invalid"),
        (FILE, {"mapping": '{"name": "phone"}'}, "mapping_invalid"),
        (FILE, {"encoding": "rot13"}, "encoding_undecided"),
        ("", {}, "empty_file"),
        (b"\x89PNG\r\n", {}, "not_csv"),
    ],
)
def test_what_cannot_be_told_is_asked_and_what_is_no_table_refused(
    api: fakes.Api, content: str | bytes, fields: dict[str, str], code: str
) -> None:
    answer = bring(api, content, **fields)
    assert (answer.status_code, answer.json()["code"], Import.objects.count()) == (422, code, 0)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"dry_run": "yes"}, "dry_run"),
        ({"mapping": "[1]"}, "mapping"),
        ({"max_bad": "150%", "confirm": "auto"}, "max_bad"),
        ({"max_bad": "1%"}, "max_bad"),
        ({"on_existing": "drop"}, "on_existing"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_option_is_named(api: fakes.Api, fields: dict[str, str], field: str) -> None:
    answer = bring(api, **fields)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_a_file_may_be_the_body(api: fakes.Api) -> None:
    path = f"{fakes.V1}imports/?mapping=%7B%22name%22%3Anull%7D&confirm=auto&max_bad=50%25"
    answer = api.client.post(path, FILE, content_type="text/csv", headers=api.headers)
    assert (answer.status_code, answer.json()["mapping"]["name"]) == (202, None)
    work()
    assert Import.objects.get().status == "done"


def test_what_the_form_and_the_query_say_is_refused(api: fakes.Api) -> None:
    for path in ("imports/", "suppressions/import/"):
        file = SimpleUploadedFile("people.csv", FILE.encode())
        answer = api.client.post(
            f"{fakes.V1}{path}?dry_run=false", {"file": file, "dry_run": "true"}, headers=api.headers
        )
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["field"], error["code"]) == (400, "dry_run", "duplicate_field")


def test_an_encoding_that_holds_nul_is_none(api: fakes.Api) -> None:
    path = f"{fakes.V1}imports/?encoding=%00"  # in a query: a form with NUL is not read at all
    answer = api.client.post(path, FILE, content_type="text/csv", headers=api.headers)
    assert (answer.status_code, answer.json()["code"], Import.objects.count()) == (
        422,
        "encoding_undecided",
        0,
    )


def test_what_a_state_does_not_allow_is_refused(api: fakes.Api) -> None:
    pk = brought(api)
    for verb, status in (("resume", 409), ("pause", 409), ("run", 409), ("undo", 409), ("cancel", 200)):
        assert api.post(f"imports/{pk}/{verb}/", {}).status_code == status, verb
    assert api.post(f"imports/{pk}/cancel/", {}).json()["code"] == "import_state"


def in_a_form(api: fakes.Api, content_type: str, **fields: Any) -> Any:
    file = SimpleUploadedFile("people.csv", EUROPEAN, content_type)
    return api.client.post(fakes.V1 + "imports/", {"file": file, **fields}, headers=api.headers)


def as_the_body(api: fakes.Api, content_type: str, **fields: Any) -> Any:
    path = f"{fakes.V1}imports/?{urlencode(fields)}"
    return api.client.generic("POST", path, EUROPEAN, content_type, headers=api.headers)


@pytest.mark.parametrize("brings", [in_a_form, as_the_body])
def test_the_charset_of_the_file_decides_unless_an_encoding_is_named(api: fakes.Api, brings: Any) -> None:
    assert brings(api, "text/csv; charset=windows-1252").json()["encoding"] == "cp1252"
    assert brings(api, 'text/csv; charset="cp1252"; header=present').json()["encoding"] == "cp1252"
    named = brings(api, "text/csv; charset=utf-8", encoding="mac-roman")
    assert (named.status_code, named.json()["encoding"]) == (202, "mac-roman")
    for wrong in ("utf-8", "klingon"):  # it is not that, and nobody knows this
        told = brings(api, f"text/csv; charset={wrong}")
        assert (told.status_code, told.json()["code"]) == (422, "encoding_undecided")
        assert wrong in told.json()["message"]
        assert told.json()["preview"]["encodings"][0]["cells"] == ["Änne"]
    assert Import.objects.count() == 3


def test_a_charset_of_no_text_decides_nothing(api: fakes.Api) -> None:
    assert in_a_form(api, "application/octet-stream; charset=binary", encoding="cp1252").status_code == 202
    told = in_a_form(api, "application/octet-stream; charset=binary").json()["message"]
    assert told.startswith("The file is not in UTF-8")


def test_a_file_over_the_limit_is_refused_and_not_kept(
    api: fakes.Api, monkeypatch: pytest.MonkeyPatch, attachment_folder: Path
) -> None:
    monkeypatch.setattr(files.FormParser, "most_file_bytes", 10)
    answer = bring(api)
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    assert not [file for file in attachment_folder.rglob("*") if file.is_file()]


def test_another_teams_import_and_group_are_missing(api: fakes.Api) -> None:
    pk = brought(api)
    group = api.post("groups/", {"name": "News"}).json()["id"]
    other = fakes.Api(Client(), keys.issue("others", scopes=Scope.values)[1])
    assert bring(other, group=group).status_code == 404
    missing = other.get("imports/00000000-0000-0000-0000-000000000000/")
    assert other.get(f"imports/{pk}/").content == missing.content
    for verb in ("run", "pause", "resume", "cancel", "undo"):
        assert other.post(f"imports/{pk}/{verb}/", {}).status_code == 404
    assert other.get(f"imports/{pk}/rejects/").status_code == 404
    assert other.get("imports/").json()["results"] == []


def test_a_group_is_kept_while_a_file_is_on_its_way_into_it(api: fakes.Api) -> None:
    group = api.post("groups/", {"name": "News"}).json()["id"]
    brought(api, group=group)
    path = f"{fakes.V1}groups/{group}/"
    assert api.client.delete(path, headers=api.headers).json()["code"] == "group_in_use"
    work()
    assert api.client.delete(path, headers=api.headers).status_code == 204
