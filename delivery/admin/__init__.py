"""The admin: the log to read, API keys to make and revoke."""

from django.contrib import admin

from delivery.admin import access, auth, emails

__all__ = ["access", "auth", "emails"]

admin.site.index_title = "Today"
admin.site.index_template = "delivery/dashboard.html"
