"""A log as a small shop would have it, for looking at. All of it is made up; all addresses are example.org's."""

import random
import unicodedata
from datetime import timedelta
from typing import Any

from django.utils import timezone

from delivery.db import ids
from delivery.files import storage
from delivery.models import Attachment, Attempt, Email, Team
from providers.message import file_of_bytes

SUBJECTS = [
    ("Your invoice for November", "billing"),
    ("Order {n} is on its way", "web shop"),
    ("Reset your password", "accounts"),
    ("Welcome to Meridian Books, {name}", "accounts"),
    ("Receipt for order {n}", "web shop"),
    ("Your table on Friday, 19:30", "bookings"),
    ("Payment reminder: invoice {n}", "billing"),
    ("The November letter", "newsletter"),
    ("Please confirm your address", "accounts"),
    ("Order {n} has been cancelled", "web shop"),
]
NAMES = ["Ann Lee", "Bruno Costa", "Chioma Eze", "Dana Novák", "Emil Berg", "Fatima Haddad", "Grace Kim"]
STATUSES = (
    ["sent"] * 3
    + ["queued"]
    + ["sent"] * 3
    + ["failed"]
    + ["sent"] * 4
    + ["unknown", "sent", "expired"]
    + ["sent"] * 6
)
HTML = """<!doctype html><body style="margin:0;background:#f4f1ec;font-family:Georgia,serif;color:#2b2b2b">
<div style="max-width:560px;margin:24px auto;background:#fff;border-radius:8px;overflow:hidden">
<div style="background:#24423a;color:#fff;padding:24px 32px;font-size:22px">Meridian Books</div>
<div style="padding:28px 32px;line-height:1.6"><h2 style="margin-top:0">Thank you, {name}</h2>
<p>Your order is packed and leaves us today. You will find the invoice attached.</p>
<table style="width:100%;border-collapse:collapse">
<tr><td style="padding:8px 0;border-bottom:1px solid #ddd">The Periodic Table</td><td align="right">€ 12.90</td></tr>
<tr><td style="padding:8px 0;border-bottom:1px solid #ddd">Invisible Cities</td><td align="right">€ 11.50</td></tr>
<tr><td style="padding:8px 0"><b>Total</b></td><td align="right"><b>€ 24.40</b></td></tr></table>
<p><a href="https://shop.example.org/orders" style="display:inline-block;background:#24423a;color:#fff;padding:10px;
border-radius:6px;text-decoration:none">Follow your order</a></p></div></div></body>"""


def write(count: int) -> Email:
    """Fill the log with realistic emails; return one worth looking at."""
    chance, now = random.Random(4), timezone.now()
    for step in reversed(range(1, count)):
        _email(chance, step, now - timedelta(minutes=step * 7 + chance.random() * 5))
    return _showpiece(now - timedelta(minutes=2))


def _email(chance: random.Random, step: int, when: Any, **fields: Any) -> Email:
    subject, team = chance.choice(SUBJECTS)
    name, status = chance.choice(NAMES), STATUSES[step % len(STATUSES)]
    provider = chance.choice(["ses", "ses", "ses", "sendgrid"])
    team_row, _ = Team.objects.get_or_create(name=team)
    email = Email.objects.create(
        id=ids._stamped(int(when.timestamp() * 1000), 0, chance.getrandbits(62)),
        created_at=when,
        team=team_row,
        from_name="Meridian Books",
        from_address="shop@example.org",
        **{
            "text_body": f"Hello {name},\n\nthank you.\n",
            "finished_at": when,
            "subject": subject.format(n=chance.randrange(10_000, 99_999), name=name.split()[0]),
            "status": status,
            "provider": provider if status == "sent" else "",
            "reason": REASONS.get(status, ""),
            **fields,
        },
    )
    for person in chance.sample(NAMES, chance.choice([1, 1, 1, 1, 2, 4])):
        _recipient(email, person, RECIPIENTS.get(email.status, email.status))
    for outcome in OUTCOMES.get(email.status, ["accepted"]):
        _attempt(email, provider, outcome, when)
    return email


REASONS = {
    "failed": "ses: The recipient's domain does not exist.",
    "unknown": "ses: The connection was lost after the whole request was sent.",
    "queued": "ses: Maximum sending rate exceeded.; sendgrid: unavailable",
    "expired": "sendgrid: unavailable",
}
RECIPIENTS = {"sent": "accepted", "queued": "pending", "sending": "pending"}
OUTCOMES = {
    "failed": ["refused"],
    "unknown": ["unknown"],
    "queued": ["refused_temporarily", "not_sent"],
    "sending": ["started"],
    "expired": ["not_sent"],
}


def _recipient(email: Email, person: str, status: str, kind: str = "to") -> None:
    plain = unicodedata.normalize("NFKD", person.lower()).encode("ascii", "ignore").decode()
    address = plain.replace(" ", ".") + "@example.org"
    email.recipients.create(kind=kind, name=person, address=address, canonical=address, status=status)


def _attempt(email: Email, provider: str, outcome: str, when: Any, **fields: Any) -> None:
    said = f"{ids.uuid7().hex[-20:]}" if outcome == "accepted" else ""
    values = {"provider_message_id": said, "latency_ms": 40 + len(email.subject) * 3, "epoch": 1, **fields}
    Attempt.objects.create(email=email, provider=provider, outcome=outcome, started_at=when, **values)


def _showpiece(when: Any) -> Email:
    email = _email(
        random.Random(1),
        1,
        when,
        subject="Your order 48151 and its invoice",
        status="sent",
        provider="sendgrid",
        html_body=HTML.format(name="Ann"),
        text_body="Thank you, Ann\n\nYour order is packed and leaves us today.\n\nThe Periodic Table   12.90\n"
        "Invisible Cities     11.50\nTotal                24.40\n",
        reply_to=[["help@example.org", "Meridian Books"]],
        tags=["order", "invoice"],
        metadata={"order": "48151", "customer": "C-2209"},
        headers={"List-Unsubscribe": "<mailto:out@example.org>"},
        finished_at=when + timedelta(seconds=1),
        rounds=1,
    )
    email.attempts.all().delete()
    email.recipients.all().delete()
    for person, kind in (("Ann Lee", "to"), ("Bruno Costa", "cc"), ("Dana Novák", "bcc")):
        _recipient(email, person, "accepted", kind)
    busy = {
        "code": "TooManyRequestsException",
        "detail": "ses: Maximum sending rate exceeded.",
        "latency_ms": 112,
    }
    _attempt(email, "ses", "refused_temporarily", when, **busy)
    _attempt(
        email,
        "sendgrid",
        "accepted",
        when + timedelta(seconds=1),
        provider_message_id="filter0142p1las1-17424-5C66",
    )
    _file(email, "invoice-48151.pdf", "application/pdf", b"%PDF-1.4 made up " * 2900)
    _file(email, "logo.png", "image/png", b"\x89PNG made up " * 400, "logo")
    return email


def _file(email: Email, name: str, kind: str, content: bytes, content_id: str = "") -> None:
    sha256 = storage.keep(file_of_bytes(content, filename=name, content_type=kind))
    values = {"filename": name, "content_type": kind, "content_id": content_id}
    Attachment.objects.create(email=email, size=len(content), sha256=sha256, **values)
