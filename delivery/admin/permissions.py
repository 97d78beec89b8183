"""Who may do what in the admin: the scopes of a person's roles decide, as those of a key do over the API.

Every page, view and action names the scope that it needs; what names none is for nobody but the operator, who is a
superuser. See docs/roles.md.
"""

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, Final, TypeVar, cast

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from delivery.models import Member, Team
from delivery.models.scopes import Role

OPERATOR: Final = "operator"  # stands where a scope does; no role has it
OWNER: Final = "owner"  # likewise: of this role alone, which has no scope more than an admin
WRITE: Final = "write_scope"  # of a method of a page: the page's own
SHARED: Final = ""  # the team_path of rows that are nobody's and that each may see who has the scope
_HELD: Final = "_gomail_scopes"  # on the request
Row = TypeVar("Row", bound=Model)
View = TypeVar("View", bound=Callable[..., Any])


def is_operator(request: HttpRequest) -> bool:
    """Tell whether this is a superuser, who may do everything."""
    return bool(request.user.is_active and request.user.is_superuser)


def may(request: HttpRequest, scope: str | None) -> bool:
    """Tell whether the person has the scope, in some team."""
    return scope is not None and (is_operator(request) or bool(teams(request, scope)))


def teams(request: HttpRequest, scope: str) -> Collection[int]:
    """Return the ids of the teams in which the person has a scope; the operator is asked for elsewhere."""
    return [team for team, scopes in _held(request).items() if scope in scopes]


def teams_with(request: HttpRequest, scope: str) -> list[Team]:
    """Return the teams in which the person has a scope; for the operator all of them."""
    everything = Team.objects.order_by("name")
    return list(everything if is_operator(request) else everything.filter(pk__in=teams(request, scope)))


def visible(
    request: HttpRequest, rows: QuerySet[Row], scope: str, team_path: str | None = "team"
) -> QuerySet[Row]:
    """Keep the rows of the teams in which the person has the scope. `team_path` leads from a row to its team."""
    if is_operator(request):
        return rows
    if team_path is None or not may(request, scope):
        return rows.none()
    return rows.filter(**{f"{team_path}__in": teams(request, scope)}) if team_path else rows


def scoped(scope: str) -> Callable[[View], View]:
    """Declare the scope of a view or an action, and refuse whoever has it in no team.

    Which rows it is about is another question: `visible` answers it.
    """

    def declared(view: View) -> View:
        @wraps(view)
        def inner(*args: Any, **kwargs: Any) -> Any:
            request = next(each for each in args if isinstance(each, HttpRequest))
            if not may(request, scope_of(inner, args[0])):
                raise PermissionDenied
            return view(*args, **kwargs)

        inner.scope = scope  # type: ignore[attr-defined]
        return cast(View, inner)

    return declared


def scope_of(view: Any, page: Any) -> str | None:
    """Return the scope that a view, or an action of a page, has declared; there is none without."""
    declared: str = view.scope
    return page.write_scope if declared == WRITE else declared


def _held(request: HttpRequest) -> Mapping[int, frozenset[str]]:
    """Return the scopes of the person in each team; they are read once for a request."""
    if not hasattr(request, _HELD):
        mine = (
            Member.objects.filter(user=request.user.pk) if request.user.is_active else Member.objects.none()
        )
        setattr(request, _HELD, {member.team_id: _of(member) for member in mine})
    return cast("Mapping[int, frozenset[str]]", getattr(request, _HELD))


def forget(request: HttpRequest) -> None:
    """Read the person's scopes anew: they have changed in this request."""
    if hasattr(request, _HELD):
        delattr(request, _HELD)


def _of(member: Member) -> frozenset[str]:
    return member.scopes() | ({OWNER} if member.role == Role.OWNER else set())
