"""A check of the virus scanner: that it answers, and that no email waits for it."""

from delivery.doctor.findings import EXAMPLES, Finding
from delivery.files import scan
from delivery.models import Email
from delivery.sending.scanning import NOT_SCANNED


def scanner_answers() -> Finding:
    """Check that the virus scanner can be asked, and count the emails that wait for it."""
    if not scan.is_on():
        return Finding(
            question="scanner", sentence="Attachments are not scanned for malware: CLAMD_URL is empty."
        )
    why = scan.trouble()
    if not why:
        return Finding(question="scanner", sentence="The virus scanner answers.")
    held = Email.objects.waiting().filter(reason__startswith=f"{NOT_SCANNED}:").order_by("pk")
    return Finding(
        question="scanner",
        sentence=f"The virus scanner clamd cannot be used: {why}. Emails that wait for it: {held.count():,}.",
        is_wrong=True,
        count=1,
        examples=[str(pk) for pk in held.values_list("pk", flat=True)[:EXAMPLES]],
        todo="Start clamd, or correct CLAMD_URL. It loads its signatures for a minute; the emails are sent after that.",
    )
