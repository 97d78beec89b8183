"""Django's users, in the admin's theme. What they may do, their roles say: nobody picks from Django's permissions."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as PlainUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from unfold.forms import UserChangeForm, UserCreationForm

from delivery.access import users
from delivery.admin import base, recording

admin.site.unregister([User, Group])


class _Unambiguous:
    """A form for a user, whose name and address are nobody else's address and name."""

    def clean(self) -> Any:
        """Refuse what two users could log in by."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data  # type: ignore[misc, attr-defined]
        user = self.instance  # type: ignore[attr-defined]
        named = User(pk=user.pk, username=cleaned.get("username") or user.username)
        named.email = cleaned.get("email", user.email)
        if users.clashes(named):
            raise ValidationError(users.CLASH)
        return cleaned


class ChangeForm(_Unambiguous, UserChangeForm):  # type: ignore[misc]
    """Another name or address."""


class CreationForm(_Unambiguous, UserCreationForm):  # type: ignore[misc]
    """A new user."""


@admin.register(User)
class UserAdmin(recording.Recorded, PlainUserAdmin, base.ModelAdmin):  # type: ignore[misc,type-arg]
    """The admin's users; only the operator sees them. A superuser is one."""

    object_kind = "user"
    form, add_form, change_password_form = ChangeForm, CreationForm, recording.PasswordForm
    list_filter = ("is_superuser", "is_active")
    list_display = ("username", "email", "is_staff", "is_superuser")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
