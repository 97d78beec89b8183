"""Django's users and groups, in the admin's theme."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as PlainGroupAdmin
from django.contrib.auth.admin import UserAdmin as PlainUserAdmin
from django.contrib.auth.models import Group, User
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from delivery.admin import base

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(PlainUserAdmin, base.ModelAdmin):  # type: ignore[type-arg]
    """The admin's users."""

    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(PlainGroupAdmin, base.ModelAdmin):
    """Permissions shared by several users."""
