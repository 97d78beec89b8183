"""Admin pages whose forms are Django's own: what they change is recorded in their transaction."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm

from delivery.access import audit

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Plain

    Base = Plain[Any]
else:
    Base = object


class Recorded(Base):
    """A page that records each row that it adds, changes or deletes. The other pages call verbs that do so."""

    object_kind = ""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Record the whole form once all of it is stored, in the transaction that Django has opened for it."""
        super().save_related(request, form, formsets, change)
        before, after = _values(form.initial, form), _values(form.cleaned_data, form)
        if change and after:
            self._record("changed", form.instance, before=before, after=after)
        elif not change:
            self._record("created", form.instance, after=after)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        """Delete one."""
        with transaction.atomic():
            self._record("deleted", obj, before={"name": str(obj)})
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete those that were chosen in the list; each has an entry."""
        with transaction.atomic():
            for obj in queryset:
                self._record("deleted", obj, before={"name": str(obj)})
            super().delete_queryset(request, queryset)

    def _record(self, verb: str, row: Model, **values: Mapping[str, Any]) -> None:
        team = self.team_of(row)
        audit.record(f"{self.object_kind}.{verb}", self.object_kind, row.pk, team=team, **values)

    def team_of(self, row: Any) -> Any:
        """Return the team that sees the entry; None: the operator alone."""
        return None


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[misc]
    """The form in which the operator gives somebody a password."""

    def save(self, commit: bool = True) -> User:
        """Record that it is another one."""
        with transaction.atomic():
            user: User = super().save(commit)
            audit.record("user.password_changed", "user", user.pk, team=None, after={"name": str(user)})
        return user


def _values(given: Mapping[str, Any], form: Any) -> dict[str, Any]:
    """Return the values of the fields that were changed, as JSON: of other rows their names."""
    return {name: _plain(given[name]) for name in form.changed_data if name in given}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple | QuerySet):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Model) else value
