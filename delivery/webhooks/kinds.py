"""The names of what webhooks tell. Most are Resend's, so that its clients' handlers need no change."""

from typing import Final

EMAILS: Final = (
    "email.sent",
    "email.delivered",
    "email.delivery_delayed",
    "email.bounced",
    "email.complained",
    "email.opened",
    "email.clicked",
    "email.failed",
    "email.expired",
    "email.unknown",
    "email.settled",
    "email.suppressed",
    "email.unsubscribed",
)
SUPPRESSIONS: Final = ("suppression.added", "suppression.removed")
PROVIDERS: Final = ("provider.unavailable", "provider.recovered")  # concern every team
TEST: Final = "webhook.test"  # asked for by a person, told whatever the endpoint listens to
ALL: Final = (*EMAILS, *SUPPRESSIONS, *PROVIDERS)
