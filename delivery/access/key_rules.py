"""What limits a key: senders, networks, scopes and its last moment; a key makes none that may more than itself."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from delivery.access import scopes
from delivery.content import addresses
from delivery.models import ApiKey

MOST_SENDERS: Final = 1000
MOST_NETWORKS: Final = 100
_Network = IPv4Network | IPv6Network


class InvalidNetwork(ValueError):
    """This is no address and no network such as 192.0.2.0/24."""


class Beyond(Exception):
    """A key may neither make nor change one that may more than itself."""


def sender(text: str) -> str:
    """Parse `a@b.c` or `@b.c` as an entry of a key's list of senders; raise InvalidAddress otherwise."""
    if text.startswith("@"):
        return "@" + addresses.bare(f"a{text}").rpartition("@")[2]
    return addresses.canonical(addresses.bare(text))


def networks(texts: Iterable[str]) -> list[str]:
    """Return each network in its usual form, each once; raise InvalidNetwork."""
    return list(dict.fromkeys(map(network, texts)))


def network(text: str) -> str:
    """Parse an address or a network: 192.0.2.7, 192.0.2.0/24, 2001:db8::/32; raise InvalidNetwork."""
    try:
        return str(ip_network(text.strip()))
    except ValueError as error:
        raise InvalidNetwork(f"{text[:50]!r} is no network: {error}"[:200]) from error


def is_within(address: str, allowed: tuple[str, ...]) -> bool:
    """Tell whether an address is in one of these networks; what is none, a Unix socket's, is in no network."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(known, IPv6Address) and known.ipv4_mapped:
        known = known.ipv4_mapped
    return any(known in each for each in _networks(allowed))


def refuse_beyond(holder: ApiKey | None, asked: Mapping[str, Any]) -> None:
    """Raise Beyond if a key with these rights may more than its maker; None, a person, is judged elsewhere."""
    problems = list(_beyond(holder, asked)) if holder else []
    if problems:
        raise Beyond(f"This API key cannot give more than it has: {'; '.join(problems)}.")


def rights(key: ApiKey) -> dict[str, Any]:
    """Return what a key may, as `refuse_beyond` wants it."""
    return {
        "scopes": key.scopes,
        "from_addresses": key.from_addresses,
        "networks": key.networks or [],
        "expires_at": key.expires_at,
    }


def told(key: ApiKey) -> dict[str, Any]:
    """Return what the audit says of a key."""
    return {"name": key.name, "note": key.note, **rights(key)}


def _beyond(holder: ApiKey, asked: Mapping[str, Any]) -> Iterator[str]:
    if more := sorted(scopes.expand(asked["scopes"]) - scopes.expand(holder.scopes)):
        yield f"scopes {', '.join(more)}"
    if holder.from_addresses and not _are_allowed(asked["from_addresses"], holder.from_addresses):
        yield f"senders beyond {', '.join(holder.from_addresses[:5])}"
    if holder.networks and not _are_within(asked["networks"], holder.networks):
        yield f"networks beyond {', '.join(holder.networks[:5])}"
    if holder.expires_at and (asked["expires_at"] is None or asked["expires_at"] > holder.expires_at):
        yield f"a time beyond {holder.expires_at:%Y-%m-%d %H:%M} UTC"


def _are_allowed(senders: list[str], allowed: list[str]) -> bool:
    return bool(senders) and all(one in allowed or "@" + one.rpartition("@")[2] in allowed for one in senders)


def _are_within(some: list[str], allowed: list[str]) -> bool:
    return bool(some) and all(
        any(_is_part(one, whole) for whole in _networks(tuple(allowed))) for one in _networks(tuple(some))
    )


def _is_part(one: _Network, whole: _Network) -> bool:
    return one.version == whole.version and one.subnet_of(whole)  # type: ignore[arg-type]


@lru_cache(maxsize=1024)
def _networks(words: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(map(ip_network, words))
