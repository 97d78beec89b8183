"""The operator takes a lost second factor away; allauth's own pages, which show secrets, are taken off the admin."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from delivery.access import audit
from delivery.admin import base

admin.site.unregister([EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken, UserSession])


@admin.register(Authenticator)
class FactorAdmin(base.ModelAdmin):
    """Apps, recovery codes and keys, without their secrets; only the operator sees them."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    search_fields = ("user__username", "user__email")
    fields = readonly_fields = ("user", "type", "created_at", "last_used_at")
    ordering = ("user", "type")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: whoever has one sets it up."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        """Take it away."""
        self.delete_queryset(request, Authenticator.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Take them away."""
        with transaction.atomic():
            for factor in queryset.select_related("user"):
                audit.record(
                    "factor.removed", "user", factor.user.pk, team=None, before={"type": factor.type}
                )
            queryset.delete()
