"""The admin: the log to read, doubts to settle, providers to take out and put back, API keys to make and revoke."""

from django.contrib import admin

from delivery.admin import access, auth, emails, providers

__all__ = ["access", "auth", "emails", "providers"]

admin.site.index_title = "Today"
admin.site.index_template = "delivery/dashboard.html"
