"""What the loopback vendors say of themselves when they are asked."""

from typing import Any

from tests.fakes import FakeVendor
from tests.providers.fault_server import Fault, answer

SES_ACCOUNT, SES_DOMAIN = "/v2/email/account", "/v2/email/identities/example.org"
SES_ADDRESS = "/v2/email/identities/default%40example.org"
SES_SEND = "/v2/email/outbound-emails"
SCOPES, CREDITS = "/v3/scopes", "/v3/user/credits"
DOMAINS, ADDRESSES = "/v3/whitelabel/domains", "/v3/verified_senders"
SENDGRID_SEND = "/v3/mail/send"
BAD_SES_KEY = answer(
    403,
    {"message": "The security token included in the request is invalid."},
    {"x-amzn-ErrorType": "UnrecognizedClientException"},
)
BAD_SENDGRID_KEY = answer(401, {"errors": [{"field": None, "message": "authorization required"}]})
NO_IDENTITY = answer(404, {"message": "no"}, {"x-amzn-ErrorType": "NotFoundException"})
REHEARSED = answer(200, b"", {"X-Message-Id": "sandbox-mode"})


def ses_account(*, used: int = 120, **changes: Any) -> Fault:
    """Return an answer of GetAccount, of an account in production unless told otherwise."""
    quota = {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": used}
    known = {"SendingEnabled": True, "ProductionAccessEnabled": True, "EnforcementStatus": "HEALTHY"}
    return answer(200, {**known, "SendQuota": quota, **changes})


def credits(*, used: int = 50, total: int = 200) -> Fault:
    """Return SendGrid's answer about the credits."""
    left = {"remain": total - used, "total": total, "used": used, "overage": 0, "reset_frequency": "daily"}
    return answer(200, left)


def make_ready(ses: FakeVendor, sendgrid: FakeVendor) -> None:
    """Let both be in order, with example.org as a sender."""
    identity = {"VerifiedForSendingStatus": True, "VerificationStatus": "SUCCESS"}
    ses.paths |= {SES_ACCOUNT: ses_account(), SES_DOMAIN: answer(200, identity), SES_ADDRESS: NO_IDENTITY}
    sendgrid.paths |= {
        SCOPES: answer(200, {"scopes": ["mail.send"]}),
        CREDITS: credits(),
        DOMAINS: answer(200, [{"domain": "example.org", "valid": True}]),
        ADDRESSES: answer(200, {"results": []}),
        SENDGRID_SEND: REHEARSED,
    }


def sent(vendor: FakeVendor) -> list[Any]:
    """Return what was handed over to a vendor, in whatever mode."""
    return [request.json() for request in vendor.received if request.method == "POST"]
