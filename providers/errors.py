"""Errors of providers. The class decides what happens next; the message is for a person.

The rule behind the classes: was the whole request written, and did the provider itself answer?
Not fully written: `NotAccepted`. Fully written, and no answer or a garbled one: `Unknown`. Answered by the
provider in its own error format: by its code. Answered by something else: 5xx `Unknown`, 4xx `AccountProblem`.
"""

from collections.abc import Sequence
from typing import ClassVar

LONGEST_NAMED = 3600.0  # seconds; the longest pause granted to a vendor, whatever it asks for


class ProviderError(Exception):
    """A provider did not accept the message, or may not have."""

    outcome: ClassVar[str]  # of the attempt
    kind: ClassVar[str]  # name of the class in the API and the database

    def __init__(
        self, detail: str, *, code: str = "", retry_after: float | None = None, reason: str = ""
    ) -> None:
        """Keep what is known, the vendor's code, and the seconds to wait if the vendor named them.

        `reason`: the same in words for a person, with which the detail begins, where an exception's own stand in it.
        """
        super().__init__(detail)
        self.detail = detail
        self.reason = reason or detail
        self.code = code
        self.retry_after = retry_after


class NotAccepted(ProviderError):
    """The message was certainly not accepted: it is offered to the next provider."""

    kind = "not_accepted"
    outcome = "refused_temporarily"


class Unavailable(NotAccepted):
    """The provider could not be reached, or reported a failure of its own."""

    kind = "unavailable"
    outcome = "not_sent"


class Throttled(NotAccepted):
    """The provider wants us to slow down."""

    kind = "throttled"


class AccountProblem(NotAccepted):
    """Credentials, quota, suspension or configuration: this account cannot send now."""

    kind = "account_problem"


class SenderRefused(NotAccepted):
    """The account may not send from the From address; other senders are not affected."""

    kind = "sender_refused"


class DomainRefused(SenderRefused):
    """The account may not send from any address of the From domain."""


class CannotCarry(NotAccepted):
    """The provider does not take this message, but another one may."""

    kind = "cannot_carry"
    outcome = "refused"


class Unreadable(NotAccepted):
    """An attachment could not be read on our side, or is damaged: no provider was asked, and none is."""

    kind = "unreadable"
    outcome = "not_sent"


class Exhausted(NotAccepted):
    """This machine lacks files, memory or ports to reach a provider: the provider is not to blame."""

    kind = "exhausted"
    outcome = "not_sent"


class Refused(ProviderError):
    """The message is invalid, and would be at any provider: stop."""

    kind = "refused"
    outcome = "refused"


class RecipientsRefused(Refused):
    """A recipient's address is invalid or suppressed: stop."""

    kind = "recipients_refused"


class Unknown(ProviderError):
    """The message may or may not have been accepted: never offer it elsewhere without marking it."""

    kind = "unknown"
    outcome = "unknown"


class NobodyAccepted(Exception):
    """Every candidate was asked, and certainly none accepted."""

    def __init__(self, failures: Sequence[NotAccepted]) -> None:
        """Keep the failures in the order of asking."""
        super().__init__("; ".join(failure.reason for failure in failures))
        self.failures = tuple(failures)
