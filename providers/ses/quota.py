"""Rate and day of an SES account: SendQuota of GetAccount, in botocore/data/sesv2/2019-09-27.

Both count recipients. The rate is MaxSendRate a second; Max24HourSend is of a window that rolls, and -1 means that
there is none. https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
"""

from typing import Any

from providers.readiness import Allowance, count
from providers.ses import readiness
from providers.wire.inquiry import Inquiry, Untold


def ask(questions: Inquiry) -> Allowance | None:
    """Ask for the account's rate and day; None if it does not tell. Raises a ProviderError."""
    try:
        told = readiness.get_account(questions)
    except Untold:
        return None
    return allowance(told.get("SendQuota")) if told else None


def allowance(told: Any) -> Allowance | None:
    """Return rate and day by the SendQuota of an answer; None if it has none that can be read."""
    fields = told if isinstance(told, dict) else {}
    per_second, used = count(fields.get("MaxSendRate")), count(fields.get("SentLast24Hours"))
    if used is None:
        return None
    day = count(fields.get("Max24HourSend"))
    return Allowance(
        # 0 would be an account that sends nothing, which it says otherwise: see readiness.
        per_second=per_second or None,
        day=int(day) if day else None,
        used=round(used),
    )
