"""Files that vendors give out are read in our words."""

import csv
import io
import tracemalloc
from datetime import UTC, datetime

import pytest

from delivery.content import formulas
from delivery.models import Suppression
from delivery.suppressions import exports, imports
from delivery.suppressions.csv_formats import Unreadable
from delivery.suppressions.imports import Source

MINE = Source(team_id=None, by="")
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)

FILES = {
    "ses": (
        "EmailAddress,Reason,LastUpdateTime\nb@example.org,BOUNCE,2026-11-01T12:00:00+00:00",
        "hard_bounce",
        "all",
    ),
    "ses complaint, without header": ("b@example.org,COMPLAINT", "complaint", "all"),
    "postmark": (
        "EmailAddress,SuppressionReason,Origin,CreatedAt\nb@example.org,SpamComplaint,Recipient,2026-11-01T12:00:00Z",
        "complaint",
        "all",
    ),
    "postmark unsubscribe": (
        "EmailAddress,SuppressionReason,Origin,CreatedAt\nb@example.org,ManualSuppression,Recipient,2026-11-01",
        "unsubscribe",
        "marketing",
    ),
    "mandrill": (
        "Email,Reason,Detail,Created At,Last Event At,Expires At\nb@example.org,hard-bounce,550,2026-11-01 12:00:00,,",
        "hard_bounce",
        "all",
    ),
    "mandrill spam": (
        "Email;Reason;Detail;Created\nb@example.org;spam;;2026-11-01 12:00:00",
        "complaint",
        "all",
    ),
    "sendgrid bounces": (
        "status,reason,email,created\n5.1.1,550 5.1.1 No such user,b@example.org,1793534400",
        "hard_bounce",
        "all",
    ),
    "sendgrid spam reports": ("email,ip,created\nb@example.org,192.0.2.1,1793534400", "complaint", "all"),
    "sendgrid invalid emails": ("email,reason,created\nb@example.org,No MX,1793534400", "invalid", "all"),
    "sendgrid unsubscribes": ("email,created\nb@example.org,1793534400", "unsubscribe", "marketing"),
    "mailgun bounces": (
        'address,code,error,created_at\nb@example.org,550,No such user,"Sun, 01 Nov 2026 12:00:00 UTC"',
        "hard_bounce",
        "all",
    ),
    "mailgun unsubscribes": (
        'address,tags,created_at\nb@example.org,*,"Sun, 01 Nov 2026 12:00:00 +0000"',
        "unsubscribe",
        "marketing",
    ),
    "gomail": ("Address\tKind\tScope\nb@example.org\tunsubscribe\tlist:news", "unsubscribe", "list:news"),
    "gomail, addresses alone": ("b@example.org\nc@example.org", "manual", "all"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", FILES)
def test_the_file_is_recognised_and_read(name: str) -> None:
    text, kind, scope = FILES[name]
    report = imports.run(text.encode(), MINE, dry_run=False)

    assert name.startswith(report.format)
    assert {row.result for row in report.results} == {"added"}
    entry = Suppression.objects.get(address="b@example.org")
    assert (entry.kind, entry.scope, entry.source) == (kind, scope, "csv")
    if "12:00" in text or "1793534400" in text:
        assert entry.first_seen == NOON


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("status,reason,email,created\n4.2.2,Mailbox full,b@example.org,1793534400", "passes"),
        ("EmailAddress,Reason\nb@example.org,FUN", "not known"),
        ("address,kind\nb@example.org,fun", "no kind"),
        ("address,scope\nb@example.org,fun", "no scope"),
        ("address,scope\nb@example.org,list:a\0b", "no scope"),
        ("address,created_at\nb@example.org,soon", "no time"),
        ("address,created_at\nb@example.org,9999-12-31T23:59:59-14:00", "too far ahead"),
        ("address,expires_at\nb@example.org,9999-12-31T23:59:59-14:00", "too far ahead"),
        ("address,expires_at\nb@example.org,2020-01-01", "expired"),
        ("address\nBob <b@example.org>", "Bob <b@example.org>"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_alone(text: str, message: str) -> None:
    report = imports.run(f"{text}\n".encode(), MINE, dry_run=False)
    assert [row.result for row in report.results] == ["refused"]
    assert message in report.results[0].message
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_what_no_database_stores_is_left_out_of_a_source() -> None:
    imports.run(b"address,source\nb@example.org,a\0b\n", MINE, dry_run=False)
    assert Suppression.objects.get().source == "ab"


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MOST_ROWS", 1)
    with pytest.raises(Unreadable, match="1 rows"):
        imports.run(b"a@example.org\nb@example.org", MINE, dry_run=True)


def test_a_file_of_a_million_rows_is_refused_before_they_are_all_in_memory() -> None:
    content = b"address\n" + b"a@example.org\n" * 1_000_000
    tracemalloc.start()
    with pytest.raises(Unreadable, match="50,000 rows"):
        imports.run(content, MINE, dry_run=True)
    assert tracemalloc.get_traced_memory()[1] < 8 * len(content)
    tracemalloc.stop()


PAYLOADS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x"),
    *("=cmd|' /C calc'!A0", '=HYPERLINK("https://x.example","y")', "-2+3+cmd|' /C calc'!A0", '=1";=1'),
    *("'=1", "''@x", "@A1", "+cmd|'x'", "-@A1", "=IMPORTXML(A1)", "=DDE()", "\t@x"),
]


@pytest.mark.django_db
def test_twenty_formulas_are_neutral_in_an_export() -> None:
    for number, payload in enumerate(PAYLOADS):
        Suppression.objects.create(address=f"a{number}@example.org", kind="manual", reason=payload)
    text = "".join(exports.lines(Suppression.objects.order_by("address")))
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert [cell for cell in cells if cell[:1] in "=+-@\t\r\n＝＋－＠" and cell] == []
    assert all(line.startswith('"') for line in text.split("\r\n") if line)


@pytest.mark.parametrize("text", PAYLOADS)
def test_a_formula_is_guarded_and_found_again(text: str) -> None:
    assert formulas.safe(text) == f"'{text}"
    assert formulas.unsafe(formulas.safe(text)) == text
