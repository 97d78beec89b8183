"""What can go wrong at a provider. The class says what to do next; the message says it to a person.

The rule that orders everything: was the whole request written, and did the provider itself answer?
Not fully written: `NotAccepted`. Fully written and no answer, or a garbled one: `Unknown`. Answered by the
provider in its own error shape: by its code. Answered by something else: 5xx `Unknown`, 4xx `AccountProblem`.
"""

from collections.abc import Sequence
from typing import ClassVar


class ProviderError(Exception):
    """A provider did not promise to deliver the message."""

    outcome: ClassVar[str]  # what the attempt's row says

    def __init__(self, detail: str, *, code: str = "", retry_after: float | None = None) -> None:
        """Keep a sentence for people, the vendor's code, and seconds to wait if the vendor named them."""
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.retry_after = retry_after


class NotAccepted(ProviderError):
    """The message was certainly not accepted: offer it to the next provider."""

    outcome = "refused_temporarily"


class Unavailable(NotAccepted):
    """The provider could not be reached or said that it is failing."""

    outcome = "not_sent"


class Throttled(NotAccepted):
    """The provider wants us to slow down."""


class AccountProblem(NotAccepted):
    """Credentials, quota, suspension or configuration: this account cannot send now."""


class SenderRefused(NotAccepted):
    """The account may not send from the From address; other senders are not affected."""


class CannotCarry(NotAccepted):
    """The provider does not take such a message, but another one may."""

    outcome = "refused"


class Unreadable(NotAccepted):
    """A file of the message could not be read on our side: no provider was asked."""

    outcome = "not_sent"


class Refused(ProviderError):
    """The message itself is bad, and would be bad anywhere: stop."""

    outcome = "refused"


class RecipientsRefused(Refused):
    """A recipient's address is bad or suppressed: stop."""


class Unknown(ProviderError):
    """The message may or may not have been accepted: never offer it elsewhere in silence."""

    outcome = "unknown"


class NobodyAccepted(Exception):
    """Every candidate was offered the message, and certainly none accepted it."""

    def __init__(self, failures: Sequence[NotAccepted]) -> None:
        """Keep the failures in the order in which the providers were asked."""
        super().__init__("; ".join(failure.detail for failure in failures))
        self.failures = tuple(failures)
