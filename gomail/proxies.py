"""Whose X-Forwarded-* headers are believed: those of the proxies in GOMAIL_TRUSTED_PROXIES, by default of nobody."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.core.exceptions import ImproperlyConfigured

from gomail import environment

_UNIX = "unix"  # the peer at a Unix socket, which has no address
_Networks = tuple[IPv4Network | IPv6Network, ...]


def trusted() -> tuple[str, ...]:
    """Return the addresses and networks; raise ImproperlyConfigured for what is neither."""
    words = tuple(environment.words("GOMAIL_TRUSTED_PROXIES"))
    _networks(words)
    return words


def are_trusted(address: str, words: tuple[str, ...] | None = None) -> bool:
    """Tell whether the peer at this address is such a proxy; an empty address is that of a Unix socket."""
    words = trusted() if words is None else words
    if not words:
        return False
    if not address:
        return _UNIX in words
    try:
        peer = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped:
        peer = peer.ipv4_mapped
    return any(peer in network for network in _networks(words))


def client(forwarded_for: str, peer: str, words: tuple[str, ...]) -> str:
    """Return the client's address behind our proxies: the last that is none of theirs, else the peer's."""
    for word in reversed(forwarded_for.split(",")):
        address = _address(word.strip())
        if not address:
            return peer  # "unknown", or nonsense: what stands further left is no better
        if not are_trusted(address, words):
            return address
        peer = address
    return peer


def _address(word: str) -> str:
    """Return the address without a port; empty for what is none."""
    bare = word[1:].partition("]")[0] if word.startswith("[") else word
    bare = bare.partition(":")[0] if bare.count(":") == 1 else bare
    try:
        return str(ip_address(bare))
    except ValueError:
        return ""


@lru_cache(maxsize=8)
def _networks(words: tuple[str, ...]) -> _Networks:
    try:
        return tuple(ip_network(word) for word in words if word != _UNIX)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"GOMAIL_TRUSTED_PROXIES: {error}; write addresses or networks, separated by commas: 10.0.0.5, 10.1.0.0/16"
        ) from error
