"""One email that was sent, as the record and the vendor tell of it."""

from tests.faults.record import Attempt, Email
from tests.faults.vendors import Entry

EMAIL = Email(
    id="e1",
    status="sent",
    on_ambiguous="stop",
    possible_duplicate=False,
    created_at=100.0,
    finished_at=101.0,
    due_at=None,
)
ATTEMPT = Attempt(id="a1", email_id="e1", provider="ses", outcome="accepted", started_at=100.0, latency_ms=9)
ENTRY = Entry(vendor="ses", mode="ok", email="e1", attempt="a1", at=100.5, accepted=True)
