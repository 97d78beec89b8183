"""API keys: issued, verified, and checked for allowed senders."""

import binascii
import hashlib
import hmac
import secrets
import string
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from delivery.access import audit, leaving
from delivery.access import key_rules as rules
from delivery.access.scopes import NAMES, Scope
from delivery.content import addresses
from delivery.db import compiled
from delivery.models import ApiKey, Team
from providers.message import Mailbox

# What a key gets unasked: whatever sending and reading the log take. Not people, other keys, and what is irrevocable.
_UNUSUAL = {
    Scope.ESSENTIAL_SEND,
    Scope.KEYS_READ,
    Scope.KEYS_WRITE,
    Scope.MEMBERS_READ,
    Scope.MEMBERS_WRITE,
    Scope.PROVIDERS_WRITE,
    Scope.AUDIT_READ,
    Scope.ERASURE_WRITE,
}
USUAL_SCOPES = tuple(scope for scope in Scope.values if scope not in _UNUSUAL)
_PREFIX = "gm_live"
_BASE62 = string.digits + string.ascii_letters
_SECRET_LENGTH = 32  # × log2(62): 190 bits
_MOST_KEYS = 4096  # in memory


class InvalidScopes(ValueError):
    """A key needs one scope at least, and each must be known."""


class Expired(Exception):
    """This API key has expired."""


def issue(
    team: str | Team, *, scopes: Sequence[str], from_addresses: Sequence[str] = (), **fields: Any
) -> tuple[ApiKey, str]:
    """Issue a key to a team, created by its name if new; return it with its token, which is not stored.

    `fields`: name, note, networks, expires_at and who made it. Raises InvalidScopes, InvalidAddress, InvalidNetwork,
    Leaving.
    """
    refuse_scopes(scopes)
    given = {**fields, "networks": rules.networks(fields.get("networks", ()))}
    given |= {"scopes": list(scopes), "from_addresses": [rules.sender(text) for text in from_addresses]}
    with transaction.atomic():
        whose = _named(team) if isinstance(team, str) else team
        leaving.refuse(whose.pk)
        key, token = write(whose, **given)
        audit.record("key.created", **audit.named(key), after=rules.told(key))
    return key, token


def write(team: Team, **fields: Any) -> tuple[ApiKey, str]:
    """Write a key with fields that were looked at, for a caller who records it; return it with its token."""
    public_id, token = new_token()
    return ApiKey.objects.create(team=team, public_id=public_id, digest=digest(token), **fields), token


def _named(name: str) -> Team:
    team, new = Team.objects.get_or_create(name=name)
    if new:
        audit.record("team.created", **audit.named(team), after={"name": name})
    return team


def refuse_scopes(scopes: Sequence[str]) -> None:
    """Raise InvalidScopes for none, and for one that nobody knows."""
    if not scopes or not set(scopes) <= set(NAMES):
        raise InvalidScopes(InvalidScopes.__doc__)


def new_token() -> tuple[str, str]:
    """Return a public id and a token that contains it; the checksum lets secret scanners recognise a leaked key."""
    public_id = "".join(secrets.choice(_BASE62) for _ in range(8))
    secret = "".join(secrets.choice(_BASE62) for _ in range(_SECRET_LENGTH))
    body = f"{_PREFIX}_{public_id}_{secret}"
    return public_id, f"{body}_{binascii.crc32(body.encode()):08x}"


def digest(token: str) -> str:
    """Return the SHA-256 of a token in hex, which is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def find(token: str) -> ApiKey | None:
    """Return the live key of a token, or None; an unknown id takes as long as a wrong secret. Raises Expired.

    Keys are cached: a revoked one is still found for the rest of the second, in every process.
    """
    parts = token.split("_")
    key = _live(parts[2] if len(parts) == 5 else "", (int(time.time()), int(time.monotonic())))
    matches = hmac.compare_digest(key.digest if key else "0" * 64, hashed := digest(token))
    if key and matches:
        _teams.note(hashed, key.team_id)
        if key.has_expired():
            raise Expired(f"This API key has expired on {key.expires_at:%Y-%m-%d at %H:%M} UTC.")
    return key if matches else None


class _Teams:
    """Whose the keys are that were used in this process."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    def note(self, hashed: str, team: int) -> None:
        if len(self._of) >= _MOST_KEYS:
            self._of = {}
        self._of[hashed] = team

    def of(self, hashed: str) -> int | None:
        return self._of.get(hashed)


_teams = _Teams()


def team_of(token: str) -> int | None:
    """Return the team of a key that this process has found before, also if it is revoked since; ask no database."""
    return _teams.of(digest(token))


@lru_cache(maxsize=1024)  # the query took a sixth of the time of a send
def _live(public_id: str, second: tuple[int, int]) -> ApiKey | None:
    return next(iter(_LIVE.run([public_id])), None)


def _of(several: compiled.Parameters) -> QuerySet[ApiKey]:
    whole = ApiKey.objects.select_related("team", "team__limits", "limits", "limited_as__limits")
    return whole.order_by().filter(public_id__in=several, revoked_at=None)


_LIVE = compiled.Select[ApiKey]("public_id", _of)


def may_send_from(key: ApiKey, sender: Mailbox) -> bool:
    """Tell whether a key allows this sender: its list names the address or its domain, or is empty."""
    address = addresses.canonical(sender.address)
    domain = "@" + address.rpartition("@")[2]
    return not key.from_addresses or address in key.from_addresses or domain in key.from_addresses


def may_be_used_from(key: ApiKey, address: str) -> bool:
    """Tell whether a key may be used from this client's address: its networks hold it, or there are none."""
    return not key.networks or rules.is_within(address, tuple(key.networks))
