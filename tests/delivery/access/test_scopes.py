"""Scopes, their aliases, and the roles that bundle them."""

import pytest

from delivery.access import keys, scopes
from delivery.access.scopes import OF_ROLE, Role, Scope
from delivery.models import ApiKey

VIEWER = {"emails.read", "stats.read", "providers.read"}
SUPPORT = VIEWER | {"emails.manage", "suppressions.read", "suppressions.write", "contacts.read"}
DEVELOPER = SUPPORT | {
    *("emails.send", "emails.content", "batches.send", "templates.read", "templates.write"),
    *("signatures.read", "signatures.write", "webhooks.read", "mailings.read", "keys.read", "keys.write"),
}


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role.VIEWER, VIEWER),
        (Role.SUPPORT, SUPPORT),
        (Role.DEVELOPER, DEVELOPER),
        (Role.ADMIN, set(Scope.values)),
        (Role.OWNER, set(Scope.values)),
    ],
)
def test_a_role_is_a_bundle_of_scopes(role: Role, expected: set[str]) -> None:
    assert OF_ROLE[role] == expected


def test_an_old_name_stands_for_several() -> None:
    assert scopes.expand(["send", "webhooks.read"]) == {
        *("emails.send", "batches.send", "emails.manage", "webhooks.read")
    }
    assert scopes.expand(["read"]) == {"emails.read", "emails.content", "providers.read", "stats.read"}


@pytest.mark.parametrize("held", [["send"], ["read"], ["emails.read"], ["send", "read"], []])
@pytest.mark.parametrize("needed", Scope.values)
def test_a_key_may_what_its_scopes_stand_for_and_nothing_else(held: list[str], needed: str) -> None:
    assert ApiKey(scopes=held).may(needed) == (needed in scopes.expand(held))


@pytest.mark.parametrize("given", [[], ["emails.write"], ["send", ""]])
def test_no_key_without_a_known_scope(db: None, given: list[str]) -> None:
    with pytest.raises(keys.InvalidScopes):
        keys.issue("shop", scopes=given)
    assert not ApiKey.objects.exists()
