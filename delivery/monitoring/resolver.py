"""Look-ups of DNS records, at the name servers of GOMAIL_DNS_SERVERS or the machine's own."""

from typing import Final

import dns.exception
import dns.nameserver
import dns.rdtypes.ANY.TXT
import dns.resolver
from django.conf import settings

SECONDS: Final = 3.0  # for one look-up, whatever number of servers is tried
_ONE_SERVER: Final = 1.4  # seconds until the next one is tried


class Unanswered(Exception):
    """The name servers do not say; the text says why."""


def values(name: str, kind: str, seconds: float | None = None) -> tuple[str, ...]:
    """Return the values of the TXT, CNAME, MX, A or AAAA records of a name as text, none if there are none.

    Names in them are in lower case and without the last dot. Raises Unanswered, after three seconds at most, or these.
    """
    patience = SECONDS if seconds is None else min(seconds, SECONDS)
    try:
        found = _resolver().resolve(name, kind, lifetime=patience, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except dns.exception.Timeout as error:
        raise Unanswered(f"No name server has answered within {patience:.0f} s.") from error
    except dns.resolver.NoNameservers as error:
        raise Unanswered("The name servers refuse the question or fail on it. Ask again later.") from error
    except dns.exception.DNSException as error:
        raise Unanswered(f"The name cannot be looked up: {type(error).__name__}.") from error
    return tuple(_text(value) for value in found)


def _resolver() -> dns.resolver.Resolver:
    servers = settings.GOMAIL_DNS_SERVERS
    resolver = dns.resolver.Resolver(configure=not servers)
    if servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(address, port) for address, port in servers]
    resolver.timeout = _ONE_SERVER
    return resolver


def _text(value: object) -> str:
    if isinstance(value, dns.rdtypes.ANY.TXT.TXT):
        return b"".join(value.strings).decode(errors="replace")
    return str(value).rstrip(".").lower()
