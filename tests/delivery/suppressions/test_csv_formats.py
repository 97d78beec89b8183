"""Files that vendors give out are read in our words."""

from datetime import UTC, datetime

import pytest

from delivery.models import Suppression
from delivery.suppressions import csv_formats, imports
from delivery.suppressions.csv_formats import Unreadable
from delivery.suppressions.imports import Source

MINE = Source(owner_id=None, by="")
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
        ("address,created_at\nb@example.org,soon", "no time"),
        ("address,expires_at\nb@example.org,2020-01-01", "expired"),
        ("address\nBob <b@example.org>", "Bob <b@example.org>"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_alone(text: str, message: str) -> None:
    report = imports.run(f"{text}\n".encode(), MINE, dry_run=False)
    assert [row.result for row in report.results] == ["refused"]
    assert message in report.results[0].message
    assert not Suppression.objects.exists()


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MOST_ROWS", 1)
    with pytest.raises(Unreadable, match="2 rows"):
        imports.run(b"a@example.org\nb@example.org", MINE, dry_run=True)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_formula_is_guarded_and_found_again(text: str) -> None:
    assert csv_formats.safe(text) == f"'{text}"
    assert csv_formats.unsafe(csv_formats.safe(text)) == text
