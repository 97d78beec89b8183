"""Questions to a vendor about one domain while a person waits: three seconds each, and few of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from providers.errors import ProviderError
from providers.sender_domains import SenderDomain
from providers.wire import http
from providers.wire.inquiry import Inquiry, Untold

QUICK: Final = http.Timeouts(connect=2.0, read=3.0, total=3.0)
LAST_BEGINS: Final = 3.0  # seconds after the first question
DEEPEST: Final = 3  # domains asked for one: its own and two above


class Account(Protocol):
    """An account that answers questions."""

    def questions(self, *, seconds: float) -> Inquiry:
        """Return its questions, the last of which begins after so many seconds at most."""

    def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An account, built with QUICK, that is asked about domains."""

    account: Account
    learn: Callable[[Inquiry, str], SenderDomain]  # raises a ProviderError or Untold

    def ask(self, domain: str) -> SenderDomain:
        """Return what it says of a domain; without an answer, why there is none."""
        questions = self.account.questions(seconds=LAST_BEGINS)
        try:
            return self.learn(questions, domain.lower())
        except ProviderError as error:
            detail = error.detail
        except Untold as untold:
            detail = str(untold)
        return SenderDomain(provider=questions.name, verified=None, detail=detail, asked=False)

    def close(self) -> None:
        """Close the connections."""
        self.account.close()
