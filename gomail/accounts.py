"""The variables of the accounts in GOMAIL_PROVIDERS.

A name may have a type, `ses-eu=ses`; its variables are then prefixed by the name, SES_EU_AWS_SES_REGION.
"""

import re
from collections.abc import Iterable, Mapping

from gomail import environment

_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SES_REGION",
    "AWS_SES_CONFIGURATION_SET",
    "AWS_SES_ENDPOINT_URL",
    "AWS_SES_EVENTS_QUEUE_URL",
    "AWS_SES_EVENTS_TOPIC_ARN",
    "SENDGRID_API_KEY",
    "SENDGRID_BASE_URL",
    "SENDGRID_EVENTS_PUBLIC_KEY",
    "MAILGUN_API_KEY",
    "MAILGUN_DOMAIN",
    "MAILGUN_BASE_URL",
    "MAILGUN_EVENTS_SIGNING_KEY",
    "MANDRILL_API_KEY",
    "MANDRILL_BASE_URL",
    "MANDRILL_EVENTS_KEY",
    "SMTP_URL",
    "DJANGO_BACKEND",
    "DJANGO_OPTIONS",
    "DJANGO_EVENTS_OPTIONS",
)
LONGEST_HOLD = 30 * 86_400  # seconds
_BATCHED = {"sendgrid": 90}  # seconds: it gathers events for 30, and repeats a lost post after that


def variables(providers: Iterable[str]) -> Mapping[str, str]:
    """Return the value of each variable that these accounts may have."""
    named = (word.partition("=")[0].strip() for word in providers if "=" in word)
    prefixes = ["", *(_upper(name) + "_" for name in named)]
    return {prefix + name: environment.text(prefix + name) for prefix in prefixes for name in _VARIABLES}


def holds(providers: Iterable[str]) -> Mapping[str, int]:
    """Return the seconds of GOMAIL_HOLD_SECONDS_<NAME>; else the vendor's, unless GOMAIL_HOLD_SECONDS is set."""
    everywhere = environment.text("GOMAIL_HOLD_SECONDS")
    found: dict[str, int] = {}
    for word in providers:
        name, _, kind = (part.strip() for part in word.partition("="))
        variable = f"GOMAIL_HOLD_SECONDS_{_upper(name)}"
        if environment.text(variable):
            found[name] = environment.number(variable, 0, least=0, most=LONGEST_HOLD)
        elif not everywhere and (kind or name) in _BATCHED:
            found[name] = _BATCHED[kind or name]
    return found


def _upper(name: str) -> str:
    return re.sub(r"\W", "_", name).upper()
