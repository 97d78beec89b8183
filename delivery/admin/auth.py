"""Django's users, in the admin's theme. What they may do, their roles say: nobody picks from Django's permissions."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as PlainUserAdmin
from django.contrib.auth.models import Group, User
from unfold.forms import UserChangeForm, UserCreationForm

from delivery.admin import base, recording

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(recording.Recorded, PlainUserAdmin, base.ModelAdmin):  # type: ignore[misc,type-arg]
    """The admin's users; only the operator sees them. A superuser is one."""

    object_kind = "user"
    form, add_form, change_password_form = UserChangeForm, UserCreationForm, recording.PasswordForm
    list_filter = ("is_superuser", "is_active")
    list_display = ("username", "email", "is_staff", "is_superuser")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
