"""People of a team: invited by a link, given a role, removed. A team that has an owner keeps one."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models import QuerySet

from delivery.access import audit, leaving, users
from delivery.access.scopes import OF_ROLE, Role, Scope, expand
from delivery.content import addresses
from delivery.db import clock
from delivery.models import ApiKey, Invitation, Member, Team

VALID: Final = timedelta(days=7)  # an invitation
_RANKS: Final = tuple(Role.values)  # highest first
_ALL: Final = frozenset(OF_ROLE[Role.OWNER])
By = User | ApiKey | None  # who orders it; None: the operator at the shell


class Refused(Exception):
    """What was asked cannot be done with the members of this team."""


class NotAllowed(Refused):
    """A role above your own can neither be given nor taken."""


class LastOwner(Refused):
    """A team keeps an owner: make somebody else its owner first."""


class AlreadyMember(Refused):
    """This address belongs to a member of the team already."""


class NotValid(Refused):
    """This invitation has been used, has expired or was withdrawn."""


class OtherAddress(Refused):
    """This invitation is for another address."""


def scopes_of(user: User | AnonymousUser, team: Team) -> frozenset[str]:
    """Return what a person may do in a team; a superuser, the operator, everything."""
    if user.is_active and user.is_superuser:
        return _ALL
    found = Member.objects.filter(user=user.pk, user__is_active=True, team=team).first()
    return found.scopes() if found else frozenset()


def manages_keys(by: By, team: Team) -> bool:
    """Tell whether somebody sees the keys of the whole team: the shell, and who changes its members; else own ones."""
    if isinstance(by, ApiKey):
        return manages_keys(by.made_by, team) if by.made_by else not by.of_person
    return by is None or Scope.MEMBERS_WRITE in scopes_of(by, team)


def teams_of(user: User) -> QuerySet[Team]:
    """Return the teams to which a person belongs."""
    return Team.objects.filter(members__user=user)


def invite(team: Team, email: str, role: str, by: By) -> tuple[Invitation, str]:
    """Invite the person of an address; return the invitation and its token, which is not stored.

    An earlier invitation of the address that is still open is replaced. Raises NotAllowed, AlreadyMember,
    InvalidAddress, Leaving.
    """
    address = addresses.canonical(addresses.bare(email.strip()))
    _insist(team, Role(role), by)
    leaving.refuse(team.pk)
    if team.members.filter(user__in=users.at(address)).exists():
        raise AlreadyMember(AlreadyMember.__doc__)
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        team.invitations.filter(email=address, accepted_at=None).delete()
        invitation = team.invitations.create(
            email=address,
            role=role,
            token_digest=_digest(token),
            invited_by=_name(by),
            expires_at=clock.now() + VALID,
        )
        _record("member.invited", invitation, after=_shown(invitation))
    return invitation, token


def path(token: str) -> str:
    """Return the path behind which an invitation is accepted."""
    return f"/invite/{token}/"


def pending(token: str) -> Invitation | None:
    """Return the invitation of a token if it can still be accepted."""
    return _open().select_related("team").filter(token_digest=_digest(token)).first()


def open_invitations(team: Team | None) -> QuerySet[Invitation]:
    """Return the invitations to a team that can still be accepted, newest first."""
    return _open().filter(team=team)


def withdraw(invitation: Invitation) -> None:
    """Make an invitation that is still open useless."""
    with transaction.atomic():
        if Invitation.objects.filter(pk=invitation.pk, accepted_at=None).delete()[0]:
            _record("member.invitation_withdrawn", invitation, before=_shown(invitation))


def accept(token: str, user: User) -> Member:
    """Make a user a member by an invitation to his address; once. Raises NotValid, OtherAddress, AlreadyMember."""
    with transaction.atomic():
        invitation = pending(token)
        if invitation is None:
            raise NotValid(NotValid.__doc__)
        if users.folded(user.email) != invitation.email:
            raise OtherAddress(OtherAddress.__doc__)
        if not _open().filter(pk=invitation.pk).update(accepted_at=clock.now()):
            raise NotValid(NotValid.__doc__)
        made, new = Member.objects.get_or_create(
            team=invitation.team, user=user, defaults={"role": invitation.role}
        )
        if not new:
            raise AlreadyMember(AlreadyMember.__doc__)
        User.objects.filter(pk=user.pk).update(is_staff=True)  # the admin's door
        _record("member.joined", made, after=_shown(made))
    user.is_staff = True
    return made


def change_role(member: Member, role: str, by: By) -> None:
    """Give a member another role. Raises NotAllowed, LastOwner."""
    with transaction.atomic():
        current = _locked(member)
        _insist(current.team, Role(current.role), by)
        _insist(current.team, Role(role), by)
        if role != Role.OWNER:
            _keep_an_owner(current)
        Member.objects.filter(pk=current.pk).update(role=role)
        _record("member.role_changed", current, before={"role": current.role}, after={"role": role})
        _withdraw_of(current)
    member.role = role


def remove(member: Member, by: By) -> None:
    """Remove a member; whoever belongs to no team cannot log in any more. Raises NotAllowed, LastOwner."""
    with transaction.atomic():
        current = _locked(member)
        _insist(current.team, Role(current.role), by)
        _keep_an_owner(current)
        _record("member.removed", current, before=_shown(current))
        current.delete()
        _withdraw_of(current)
        _close_the_door([current.user_id])


def transfer(member: Member, by: User) -> None:
    """Make a member the team's owner, in place of the owner who orders it. Raises NotAllowed."""
    with transaction.atomic():
        new = _locked(member)
        own = Member.objects.filter(team=new.team, user=by, role=Role.OWNER)
        if not by.is_superuser and not own.exists():
            raise NotAllowed("Only an owner hands a team over.")
        before = own.exclude(pk=new.pk).first()
        own.exclude(pk=new.pk).update(role=Role.ADMIN)
        Member.objects.filter(pk=new.pk).update(role=Role.OWNER)
        _record("team.transferred", new, before={"role": new.role}, after={"role": Role.OWNER.value})
        if before:
            _withdraw_of(before)
    member.role = Role.OWNER


def owns(user: User | AnonymousUser, team: Team) -> bool:
    """Tell whether a person is an owner of a team, or the operator: what no scope gives is theirs alone."""
    if user.is_active and user.is_superuser:
        return True
    found = Member.objects.filter(team=team, user=user.pk, user__is_active=True, role=Role.OWNER)
    return found.exists()


def dismiss_all(team: Team) -> None:
    """Let a team that is deleted have no members any more, in the caller's transaction."""
    users = list(Member.objects.filter(team=team).values_list("user", flat=True))
    Member.objects.filter(team=team).delete()
    _close_the_door(users)


def may_grant(team: Team, role: Role, by: By) -> bool:
    """Tell whether somebody may give, or take, this role: none above the own, a key none that may more than it."""
    if by is None or (isinstance(by, User) and by.is_superuser):
        return True
    if isinstance(by, ApiKey):
        return role != Role.OWNER and OF_ROLE[role] <= expand(by.scopes)
    own = Member.objects.filter(team=team, user=by).values_list("role", flat=True).first()
    return own is not None and _RANKS.index(own) <= _RANKS.index(role)


def _shown(row: Member | Invitation) -> dict[str, str]:
    email = row.email if isinstance(row, Invitation) else row.user.email
    return {"email": email, "role": str(row.role)}


def _record(action: str, row: Member | Invitation, **values: dict[str, str]) -> None:
    audit.record(action, row._meta.model_name or "", row.pk, team=row.team_id, **values)


def _insist(team: Team, role: Role, by: By) -> None:
    if not may_grant(team, role, by):
        raise NotAllowed(NotAllowed.__doc__)


def _withdraw_of(member: Member) -> None:
    """Withdraw the open invitations that this person could not make now: by one of them he came back."""
    team, user = member.team, member.user
    invites = Scope.MEMBERS_WRITE in scopes_of(user, team)
    for one in open_invitations(team).filter(invited_by=user.get_username()):
        if not (invites and may_grant(team, Role(one.role), user)):
            withdraw(one)


def _close_the_door(users: Sequence[int]) -> None:
    """Keep whoever belongs to no team any more out of the admin; the account stays, for another invitation."""
    nowhere = User.objects.filter(pk__in=users, is_superuser=False, memberships=None)
    nowhere.update(is_staff=False)


def _locked(member: Member) -> Member:
    """Return the member as it is now; of one team's members one change is made at a time."""
    Team.objects.select_for_update().get(pk=member.team_id)
    found = Member.objects.select_related("team", "user").filter(pk=member.pk).first()
    if found is None:
        raise Refused("The member was removed meanwhile.")
    return found


def _keep_an_owner(member: Member) -> None:
    if member.role != Role.OWNER:
        return
    if not Member.objects.filter(team=member.team, role=Role.OWNER).exclude(pk=member.pk).exists():
        raise LastOwner(LastOwner.__doc__)


def _open() -> QuerySet[Invitation]:
    return Invitation.objects.filter(accepted_at=None, expires_at__gt=clock.now())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _name(by: By) -> str:
    return f"key gm_live_{by.public_id}" if isinstance(by, ApiKey) else by.get_username() if by else ""
