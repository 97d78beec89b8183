"""The border of sender authentication: which DNS records a vendor wants for a domain, and whether it is content."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Purpose(StrEnum):
    """What a DNS record is for."""

    DKIM = "DKIM"
    SPF = "SPF"
    RETURN_PATH = "return path"
    OWNERSHIP = "ownership"
    DMARC = "DMARC"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One DNS record, as somebody enters it."""

    purpose: Purpose
    type: str  # TXT, CNAME or MX
    name: str  # whole, without the dot at its end
    value: str  # of an MX record with its priority: 10 mx.example.org


@dataclass(frozen=True, kw_only=True)
class SenderDomain:
    """What one account says of one domain."""

    provider: str  # its name in GOMAIL_PROVIDERS
    verified: bool | None  # None: it does not tell
    detail: str = ""  # sentences for a person: what is missing, and where to mend it
    records: tuple[Record, ...] = ()
    asked: bool = True  # False: there is nothing to ask, or no answer came


class SenderDomains(Protocol):
    """An account that can be asked about domains."""

    def ask(self, domain: str) -> SenderDomain:
        """Return what it says of a domain, by calls that change nothing. Raises nothing."""

    def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, kw_only=True)
class Silent:
    """A provider that tells nothing of domains."""

    name: str
    says: str  # a sentence for a person

    def ask(self, domain: str) -> SenderDomain:
        """Return that there is nothing to ask."""
        return SenderDomain(provider=self.name, verified=None, detail=self.says, asked=False)

    def close(self) -> None:
        """Do nothing: there are no connections."""
