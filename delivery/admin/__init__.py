"""The admin: read the log, settle unknown emails, take providers out and put them back, webhooks, keys, people."""

from django.contrib import admin

from delivery.admin import (
    access,
    api_keys,
    audit,
    auth,
    contacts,
    emails,
    erasures,
    events,
    groups,
    imports,
    incidents,
    mailings,
    members,
    memberships,
    providers,
    signatures,
    suppressions,
    templates,
    webhook_endpoints,
    webhooks,
)

__all__ = [
    "access",
    "api_keys",
    "audit",
    "auth",
    "contacts",
    "emails",
    "erasures",
    "events",
    "groups",
    "imports",
    "incidents",
    "mailings",
    "members",
    "memberships",
    "providers",
    "signatures",
    "suppressions",
    "templates",
    "webhook_endpoints",
    "webhooks",
]

admin.site.index_title = "Today"
admin.site.index_template = "delivery/dashboard.html"
