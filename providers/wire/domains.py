"""Names that are not on the internet: an intranet's own, and those that are kept for tests."""

import ipaddress
from urllib.parse import urlsplit

# RFC 6761, 6762, 7686 and 8375, ICANN's .internal, and what routers and offices use without asking anybody.
# Not here: .example, which RFC 6761 wants to be treated like any other name.
_SPECIAL_USE = (
    *("local", "localhost", "localdomain", "test", "internal", "intranet", "private"),
    *("lan", "home", "corp", "home.arpa", "onion"),
)
_SUFFIXES = tuple(f".{name}" for name in _SPECIAL_USE)


def is_special_use(domain: str) -> bool:
    """Tell whether no server on the internet can find the domain, although one of its own network may.

    An address may stand for its domain.
    """
    return domain.lower().endswith(_SUFFIXES) or domain.lower() in _SPECIAL_USE


def is_near(host: str) -> bool:
    """Tell whether a host is of this machine or its network, such as an emulator or a mail server of the house."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or is_special_use(host)
    return address.is_private or address.is_loopback or address.is_link_local


def leads_near(url: str) -> bool:
    """Tell whether a provider's address is another one than the vendor's: a host of this machine or its network."""
    host = urlsplit(url).hostname
    return bool(host) and is_near(str(host))
