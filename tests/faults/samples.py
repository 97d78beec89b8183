"""One email that was sent, as the record and the vendor tell of it."""

from tests.faults import mails
from tests.faults.record import Attempt, Email, Recipient
from tests.faults.vendors import Entry

LETTER = {
    "to_addresses": ["ann@example.org"],
    "bcc_addresses": ["eve@example.org"],
    "subject": "Your order 1.0 is on its way",
    "body": "Hello",
}
MAIL = mails.of_letter(LETTER)
ASKED = {LETTER["subject"]: MAIL}
EMAIL = Email(
    id="e1",
    status="sent",
    on_ambiguous="stop",
    possible_duplicate=False,
    created_at=100.0,
    finished_at=101.0,
    due_at=None,
    provider="ses",
    subject=LETTER["subject"],
)
ATTEMPT = Attempt(id="a1", email_id="e1", provider="ses", outcome="accepted", started_at=100.0, latency_ms=9)
RECIPIENTS = [
    Recipient(email_id="e1", status="accepted", kind="to", address="ann@example.org"),
    Recipient(email_id="e1", status="accepted", kind="bcc", address="eve@example.org"),
]
ENTRY = Entry(vendor="ses", mode="ok", email="e1", attempt="a1", at=100.5, accepted=True, mail=MAIL)
