"""Every page, view and action of the admin names its scope; what names none is for nobody."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from delivery.access.scopes import Scope
from delivery.admin import base, permissions
from delivery.models import Email, Member, Team
from tests.delivery.webhooks.endpoints import endpoint

PAGES = list(admin.site._registry.values())
SCOPES = {*Scope.values, permissions.OPERATOR, permissions.OWNER}
# Django's and the theme's own views of a page, which ask has_view_permission and its like.
OF_DJANGO = {"changelist", "add", "history", "delete", "change", "password_change", ""}
# Of the site: they tell nothing of anybody's mail. The search finds pages by their names, as the sidebar shows them.
OF_THE_SITE = {
    *("index", "login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n"),
    *("view_on_site", "app_list", "search"),
}
ACTIONS = ("actions_list", "actions_row", "actions_detail", "actions_submit_line")


def patterns(resolver: Any, prefix: str = "") -> Iterator[URLPattern]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from patterns(each)
        else:
            yield each


def own_views() -> list[URLPattern]:
    """Return the views of the admin that are neither Django's nor of the site."""
    (site,) = (each for each in get_resolver().url_patterns if getattr(each, "app_name", "") == "admin")
    known = {
        f"{page.opts.app_label}_{page.opts.model_name}_{word}" for page in PAGES for word in OF_DJANGO if word
    }
    return [each for each in patterns(site) if each.name not in known | OF_THE_SITE and not redirects(each)]


def redirects(pattern: URLPattern) -> bool:
    """Tell whether it is Django's way from a row to its page, or the page for what is unknown."""
    return getattr(pattern.callback, "view_class", None) is not None or "catch_all" in repr(pattern.callback)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_page_declares_scopes_and_the_way_to_its_team(page: Any) -> None:
    assert isinstance(page, base.ModelAdmin)
    assert page.read_scope in SCOPES
    assert page.write_scope in {*SCOPES, None}
    operators = page.read_scope == permissions.OPERATOR
    assert (page.team_path is None) == operators
    for question in ("has_view_permission", "visible", "rows"):
        assert getattr(page, question)


@pytest.mark.parametrize("view", own_views(), ids=lambda view: str(view.name or view.pattern))
def test_every_view_declares_a_scope(view: URLPattern) -> None:
    assert view.callback.scope in {*SCOPES, permissions.WRITE}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_action_declares_a_scope(page: Any) -> None:
    names = [name for kind in ACTIONS for name in getattr(page, kind)]
    methods = [getattr(page, name) for name in names]
    for method in (*methods, *(each for each in page.actions or () if callable(each))):
        assert permissions.scope_of(method, page) in SCOPES


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_column_is_guessed_by_lookups(page: Any) -> None:
    for field in page.opts.get_fields():
        for end in ("__startswith", "__gt", "__contains", "__id__startswith", "__name__startswith"):
            assert not page.lookup_allowed(f"{field.name}{end}", "a")


def test_a_webhooks_secret_is_not_guessed_by_a_filter(db: None) -> None:
    member = of(Team.objects.create(name="shop"), "developer")
    endpoint(team=Team.objects.get(), url="https://hooks.example.org/")
    client = Client(raise_request_exception=False)
    client.force_login(member)
    assert client.get("/admin/delivery/webhookendpoint/?secret__startswith=whsec").status_code == 400


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_whoever_is_in_no_team_gets_nothing(page: Any, db: None) -> None:
    for user in (
        User.objects.create_user("staff", is_staff=True),
        User(is_superuser=True, is_active=False),
        AnonymousUser(),
    ):
        request = request_of(user)
        assert not page.has_module_permission(request)
        assert not page.has_view_permission(request)
        assert not page.has_change_permission(request)
        assert not page.has_add_permission(request)
        assert not page.has_delete_permission(request)
        assert not page.get_queryset(request).exists()


@pytest.mark.parametrize("path", ["member/?role__exact=%00", "auditentry/export/?actor_kind__exact=%00"])
def test_a_nul_among_the_filters_is_a_wrong_request(path: str, admin_client: Client) -> None:
    assert admin_client.get(f"/admin/delivery/{path}").status_code == 400


@pytest.mark.parametrize("value", ["9" * 19, "-" + "9" * 30, "1,99999999999999999999", "9" * 5000])
@pytest.mark.parametrize("name", ["team", "team__exact", "team__in", "team__id__exact"])
def test_a_number_that_no_row_has_is_a_wrong_request(name: str, value: str, admin_client: Client) -> None:
    assert admin_client.get("/admin/delivery/contact/", {name: value}).status_code == 400


@pytest.mark.parametrize(
    ("path", "action", "ticked"),
    [
        ("delivery/email", "resend_ticked", "x"),
        ("delivery/email", "cancel_ticked", "9" * 30),
        ("auth/user", "delete_selected", "9" * 30),
        ("mfa/authenticator", "delete_selected", "'"),
    ],
)
def test_an_order_about_what_is_no_row_is_a_wrong_request(
    path: str, action: str, ticked: str, admin_client: Client
) -> None:
    order = {"action": action, "_selected_action": [ticked], "index": "0"}
    assert admin_client.post(f"/admin/{path}/", order).status_code == 400


def test_a_declared_view_refuses_before_it_looks_at_anything(db: None) -> None:
    @permissions.scoped(Scope.EMAILS_CONTENT)
    def view(request: Any) -> str:
        return "seen"

    member = of(Team.objects.create(name="shop"), "support")
    with pytest.raises(PermissionDenied):
        view(request_of(member))
    Member.objects.update(role="developer")
    assert view(request_of(member)) == "seen"


def test_a_role_counts_in_its_own_team(db: None) -> None:
    shop, forum = Team.objects.create(name="shop"), Team.objects.create(name="forum")
    emails = [Email.objects.create(team=team, from_address="a@example.org") for team in (shop, forum, None)]
    member = of(shop, "developer")
    Member.objects.create(team=forum, user=member, role="viewer")

    def seen(scope: str) -> set[Any]:
        return set(permissions.visible(request_of(member), Email.objects.all(), scope))

    assert seen("emails.read") == set(emails[:2])
    assert seen("emails.content") == {emails[0]}
    assert seen("audit.read") == set()
    assert not permissions.may(request_of(member), None)


def of(team: Team, role: str) -> User:
    user = User.objects.create_user(role, is_staff=True)
    Member.objects.create(team=team, user=user, role=role)
    return user


def request_of(user: Any) -> Any:
    request = RequestFactory().get("/admin/")
    request.user = user
    return request
