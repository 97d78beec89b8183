"""The people who log in, by their addresses of mail."""

from typing import Final

from django.contrib.auth.models import User
from django.db import transaction

from delivery.access import actor, audit
from delivery.content import addresses
from delivery.models import Newcomer

CLASH: Final = "The login name of one user would be the address of another: nobody knows who logs in by it."


def at(address: str) -> list[User]:
    """Return the users of an address, however it is written; a database may find letters alike that are not."""
    wanted, local = folded(address), address.strip().rpartition("@")[0]
    if not local or "\0" in address:
        return []
    found = User.objects.filter(email__istartswith=f"{local}@")
    return [user for user in found if folded(user.email) == wanted]


def clashes(user: User) -> bool:
    """Tell whether the login name is another user's address, or the address another's: nobody knows whose it is."""
    others = User.objects.exclude(pk=user.pk)
    names = {user.email, folded(user.email)} - {""}
    named = [others.filter(username__iexact=name).exists() for name in names]
    return any(named) or any(other.pk != user.pk for other in at(user.username))


def folded(address: str) -> str:
    """Return an address as it is compared: lower case, its domain as A-labels; what is none, in lower case."""
    try:
        return addresses.canonical(addresses.bare(address.strip()))
    except addresses.InvalidAddress:
        return address.lower()


def note_newcomer(user: User) -> None:
    """Remember that nobody but an inviter has said whose this user is."""
    Newcomer.objects.create(user=user)


def prove(user: User) -> bool:
    """Note that the user's address was proved, in the caller's transaction; tell whether it was not before."""
    if not Newcomer.objects.filter(user=user).delete()[0]:
        return False
    with actor.acting(actor.member(user.pk, user.get_username())):
        audit.record("user.address_proved", "user", user.pk, team=None, after={"email": user.email})
    return True


def store_password(user: User) -> None:
    """Store the password that a user object has got, by the user's own hand, and record it."""
    name = user.get_username()
    with transaction.atomic(), actor.acting(actor.member(user.pk, name)):
        user.save(update_fields=["password"])
        audit.record("user.password_changed", "user", user.pk, team=None, after={"name": name})
