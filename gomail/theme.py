"""How the admin looks, and what stands in its sidebar."""

from django.apps import apps
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _page(title: str, icon: str, model: str, view: str = "changelist") -> dict[str, object]:
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_{view}"),
        "permission": lambda request: _may_see(request, model),
    }


def _is_of_providers(request: HttpRequest) -> bool:
    """Tell whether it is the page of providers: those of sender domains, below it, have a place of their own."""
    own = str(reverse_lazy("admin:delivery_circuit_changelist"))
    return request.path.startswith(own) and not request.path.startswith(f"{own}sender-domains/")


def _may_see(request: HttpRequest, model: str) -> bool:
    from django.contrib import admin  # not before: the settings read this module

    return admin.site.get_model_admin(apps.get_model(model)).has_view_permission(request)


_TEAL = {
    "50": "oklch(98.4% .014 180.7)",
    "100": "oklch(95.3% .051 180.8)",
    "200": "oklch(91% .096 180.4)",
    "300": "oklch(85.5% .138 181.1)",
    "400": "oklch(77.7% .152 181.9)",
    "500": "oklch(65% .13 183)",
    "600": "oklch(51.1% .096 186.4)",
    "700": "oklch(43.7% .078 188.2)",
    "800": "oklch(38.6% .063 188.4)",
    "900": "oklch(33% .055 190)",
    "950": "oklch(27.7% .046 192.5)",
}

UNFOLD = {
    "SITE_TITLE": "GoMail",
    "SITE_HEADER": "GoMail",
    "SITE_SUBHEADER": "every email, every attempt",
    "SITE_SYMBOL": "mail",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("delivery/icon.svg")}
    ],
    "COLORS": {"primary": _TEAL},
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ACCOUNT": {
        "navigation": [
            {"title": "Second factor", "link": reverse_lazy("mfa_index")},
            {"title": "Sessions", "link": reverse_lazy("usersessions_list")},
            {"title": "Change password", "link": reverse_lazy("account_change_password")},
        ]
    },
    "STYLES": [lambda request: static("delivery/admin.css")],
    "DASHBOARD_CALLBACK": "delivery.admin.dashboard.context",
    "SIDEBAR": {
        "navigation": [
            {
                "title": "Log",
                "items": [
                    _page("Emails", "mail", "delivery.email"),
                    _page("Events", "inbox", "delivery.providerevent"),
                ],
            },
            {
                "title": "Delivery",
                "items": [
                    _page("Providers", "alt_route", "delivery.circuit") | {"active": _is_of_providers},
                    _page("Sender domains", "domain_verification", "delivery.circuit", "sender_domains"),
                    _page("Incidents", "notification_important", "delivery.incident"),
                    _page("Suppressions", "block", "delivery.suppression"),
                    _page("Erasures", "person_remove", "delivery.erasure"),
                ],
            },
            {
                "title": "Audience",
                "items": [
                    _page("Contacts", "contacts", "delivery.contact"),
                    _page("Groups", "diversity_3", "delivery.group"),
                    _page("Memberships", "how_to_reg", "delivery.membership"),
                    _page("Imports", "upload_file", "delivery.import"),
                    _page("Mailings", "campaign", "delivery.mailing"),
                ],
            },
            {
                "title": "Library",
                "items": [
                    _page("Templates", "draft", "delivery.template"),
                    _page("Signatures", "signature", "delivery.signature"),
                ],
            },
            {
                "title": "Webhooks",
                "items": [
                    _page("Endpoints", "webhook", "delivery.webhookendpoint"),
                    _page("Messages", "outgoing_mail", "delivery.webhookmessage"),
                    _page("Calls", "swap_vert", "delivery.webhookcall"),
                ],
            },
            {
                "title": "Access",
                "items": [
                    _page("API keys", "key", "delivery.apikey"),
                    _page("Members", "groups", "delivery.member"),
                    _page("Invitations", "mail_lock", "delivery.invitation"),
                    _page("Teams", "apps", "delivery.team"),
                    _page("Deleted teams", "auto_delete", "delivery.teamdeletion"),
                    _page("Users", "person", "auth.user"),
                    _page("Audit", "history", "delivery.auditentry"),
                    _page("Second factors", "lock_person", "mfa.authenticator"),
                ],
            },
        ],
    },
}
