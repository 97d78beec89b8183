"""What can go wrong at a provider. The class says what to do next; the message says it to a person.

The rule that orders everything: was the whole request written, and did the provider itself answer?
Not fully written: `NotAccepted`. Fully written and no answer, or a garbled one: `Unknown`. Answered by the
provider in its own error shape: by its code. Answered by something else: 5xx `Unknown`, 4xx `AccountProblem`.
"""

from collections.abc import Sequence
from typing import ClassVar

LONGEST_NAMED = 3600.0  # seconds that a vendor is left alone for at most, whatever it asks for


class ProviderError(Exception):
    """A provider did not promise to deliver the message."""

    outcome: ClassVar[str]  # what the attempt's row says
    kind: ClassVar[str]  # the class as a word of the contract

    def __init__(self, detail: str, *, code: str = "", retry_after: float | None = None) -> None:
        """Keep a sentence for people, the vendor's code, and seconds to wait if the vendor named them."""
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.retry_after = retry_after


class NotAccepted(ProviderError):
    """The message was certainly not accepted: offer it to the next provider."""

    kind = "not_accepted"
    outcome = "refused_temporarily"


class Unavailable(NotAccepted):
    """The provider could not be reached or said that it is failing."""

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


class CannotCarry(NotAccepted):
    """The provider does not take such a message, but another one may."""

    kind = "cannot_carry"
    outcome = "refused"


class Unreadable(NotAccepted):
    """A file of the message could not be read on our side: no provider was asked."""

    kind = "unreadable"
    outcome = "not_sent"


class Refused(ProviderError):
    """The message itself is bad, and would be bad anywhere: stop."""

    kind = "refused"
    outcome = "refused"


class RecipientsRefused(Refused):
    """A recipient's address is bad or suppressed: stop."""

    kind = "recipients_refused"


class Unknown(ProviderError):
    """The message may or may not have been accepted: never offer it elsewhere in silence."""

    kind = "unknown"
    outcome = "unknown"


class NobodyAccepted(Exception):
    """Every candidate was offered the message, and certainly none accepted it."""

    def __init__(self, failures: Sequence[NotAccepted]) -> None:
        """Keep the failures in the order in which the providers were asked."""
        super().__init__("; ".join(failure.detail for failure in failures))
        self.failures = tuple(failures)
