"""Where webhooks may go, and the call itself, which goes to the very address that was checked.

A client chooses the URL, so it may try to reach what only this machine can: every rule against that is here. All
addresses of a name must be public, or in GOMAIL_WEBHOOK_ALLOWED_NETS; nothing is looked up a second time, no redirect
is followed, and no proxy of the environment is asked.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from delivery.webhooks import lookups
from delivery.webhooks.lookups import Unresolved
from providers.errors import Exhausted, Unavailable
from providers.wire import http
from providers.wire.body import Body

LONGEST_URL: Final = 2000  # characters
_SECONDS: Final = 15.0  # for a whole call, with the look-up of its name
_CONNECT_SECONDS: Final = 5.0
_LOOKUP_SECONDS: Final = 10.0  # of them: a name server that is down costs 5 s before the next one is asked
_CLIENTS_SECONDS: Final = 3.0  # for a look-up that a client waits for
_ADDRESSES_TRIED: Final = 2
_PORTS: Final = {"https": 443, "http": 80}
_URL: Final = re.compile(r"[!\"$-\[\]-~]+")  # printable ASCII but # and \\
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
# Public by the registries, and yet another address inside: 6to4, its relays, Teredo; and what Python 3.11 does not
# know yet: documentation, and private segments.
_DISGUISED: Final = tuple(
    map(ip_network, ("2002::/16", "192.88.99.0/24", "2001::/32", "3fff::/20", "192.0.0.0/24"))
)
_IN_USE: Final = ip_network(
    "2000::/3"
)  # all of IPv6 that is routed: not ::/96, 64:ff9b::/96, fec0::/10, mapped


class Forbidden(Exception):
    """Webhooks may not go there. The message is for the client, and tells nothing of the network."""


@dataclass(frozen=True, kw_only=True)
class _Target:
    """A URL, taken apart."""

    scheme: str
    host: str
    port: int
    netloc: str  # the Host header
    path: str  # with the query

    def at(self, address: str) -> str:
        """Return the URL with an address in place of the host."""
        return f"{self.scheme}://{f'[{address}]' if ':' in address else address}:{self.port}{self.path}"


def check(url: str) -> None:
    """Raise `Forbidden` if webhooks may not go there. A name that cannot be looked up now is asked at each call."""
    target = _target(url)
    try:
        _refuse(target, lookups.addresses(target.host, target.port, seconds=_CLIENTS_SECONDS))
    except Unresolved:
        return


def post(url: str, headers: Mapping[str, str], content: bytes) -> http.Answer:
    """Return the answer to one POST of JSON; raise `Forbidden`, `Unresolved`, or an error of the transport."""
    deadline = time.monotonic() + _SECONDS
    target = _target(url)
    addresses = lookups.addresses(target.host, target.port, seconds=_LOOKUP_SECONDS)
    _refuse(target, addresses)
    described = {**headers, "Host": target.netloc, "Content-Type": "application/json", "User-Agent": "gomail"}
    *others, last = addresses[:_ADDRESSES_TRIED]
    for address in others:
        try:
            return _ask(target, address, described, content, deadline)
        except (Unavailable, Exhausted):
            continue  # it cannot be reached: nothing was sent
    return _ask(target, last, described, content, deadline)


def _ask(
    target: _Target, address: str, headers: Mapping[str, str], content: bytes, deadline: float
) -> http.Answer:
    left = max(deadline - time.monotonic(), 0.001)
    timeouts = http.Timeouts(connect=min(_CONNECT_SECONDS, left), read=left, total=left)
    transport = http.Transport("webhook", timeouts=timeouts, connections=1, host=target.host)
    body = Body(content)
    body.size = len(content)
    try:
        return transport.post(target.at(address), {**headers, "Content-Length": str(body.size)}, body)
    finally:
        transport.close()


def _refuse(target: _Target, addresses: Sequence[str]) -> None:
    """Raise `Forbidden` unless each address may be called: one that may not is enough for an attack."""
    for address in addresses:
        ours, public = _is_allowed(address)
        if not (ours or public):
            raise Forbidden("It leads to an address that webhooks may not reach.")
        if not ours and target.scheme != "https":
            raise Forbidden("It must begin with https://.")


def _is_allowed(address: str) -> tuple[bool, bool]:
    """Tell whether the operator allows the address, and whether it is public."""
    found = ip_address(address)
    return any(found in network for network in settings.GOMAIL_WEBHOOK_ALLOWED_NETS), _is_public(found)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address not in _IN_USE or address.scope_id):
        return False
    special = address.is_multicast or address.is_reserved or any(address in net for net in _DISGUISED)
    return address.is_global and not special


def _target(url: str) -> _Target:
    """Take a URL apart; raise `Forbidden` for all that two readers could read in two ways."""
    if len(url) > LONGEST_URL or not _URL.fullmatch(url):
        raise Forbidden(
            f"It may have {LONGEST_URL:,} printable ASCII characters, without blanks, backslashes and #."
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Forbidden("It is no valid URL.") from None
    return _checked(parts, host, port or _PORTS.get(parts.scheme, 0))


def _checked(parts: SplitResult, host: str, port: int) -> _Target:
    if parts.scheme not in _PORTS:
        raise Forbidden("It must begin with https://.")
    if "@" in parts.netloc:
        raise Forbidden("It may not hold a user or a password.")
    if not _is_plain(host):
        raise Forbidden("Its host must be a name, or an address in its usual form.")
    if port not in {443, *settings.GOMAIL_WEBHOOK_PORTS}:
        raise Forbidden(
            "It has a port that webhooks may not use; GOMAIL_WEBHOOK_PORTS lists those beside 443."
        )
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return _Target(scheme=parts.scheme, host=host, port=port, netloc=parts.netloc, path=path)


def _is_plain(host: str) -> bool:
    """Tell whether everybody reads the host alike: not 127.1, 0x7f000001 or 2130706433."""
    if not _HOST.fullmatch(host):
        return False
    if ":" not in host and not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return not host.endswith(".")
    try:
        return bool(ip_address(host))
    except ValueError:
        return False
