"""Where a person finds an attempt at its vendor: our id and theirs, and what to look for with each."""

from typing import Final

from django.conf import settings

from delivery.models import Attempt

# By the provider's type; {attempt} travels in the vendor's metadata.
_PLACES: Final = {
    "ses": "Events of the configuration set carry the tag gomail_attempt={attempt}{and_message}.",
    "sendgrid": "In Activity, search the custom argument gomail_attempt={attempt}{and_message}.",
    "mailgun": "In Logs, search the user variable gomail_attempt={attempt}{and_message}.",
    "mandrill": "In Outbound Activity, search u_gomail_attempt:{attempt}{and_message}.",
    "smtp": "In the server's log, look for the Message-ID <{email}@…>{and_message}.",
    "sandbox": "The sandbox keeps nothing: it hands no email over.",
}
_ELSEWHERE: Final = "Search for our id {attempt}{and_message}."


def advice(attempt: Attempt) -> str:
    """Return what to look for at the vendor of this attempt."""
    known = f", or the message id {attempt.provider_message_id}" if attempt.provider_message_id else ""
    words = _PLACES.get(_types().get(attempt.provider, attempt.provider), _ELSEWHERE)
    return words.format(attempt=attempt.pk, email=attempt.email_id, and_message=known)


def _types() -> dict[str, str]:
    """Return the type of each configured provider by its name."""
    parts = [word.partition("=") for word in settings.GOMAIL_PROVIDERS]
    return {name.strip(): kind.strip() or name.strip() for name, _, kind in parts}
