"""The theme in front of the admin: what is taken from it, what is replaced, and what may stand there unescaped."""

import hashlib
import re
from pathlib import Path

import pytest
import unfold
from django.contrib import admin
from django.contrib.staticfiles import finders
from django.template.loader import get_template, render_to_string
from django.test import Client
from django.urls import reverse
from django.utils.safestring import SafeString

import delivery
from delivery.models import Team

pytestmark = pytest.mark.django_db

THEME = Path(unfold.__file__).parent / "templates"
OURS = Path(delivery.__file__).parent / "templates"
# Each was copied from the theme at this state. When one changes there, compare it with ours, then write its new sum.
REPLACED = {
    "unfold/layouts/skeleton.html": "66af9f0bb45f98ba",
    "unfold/layouts/base_simple.html": "f90e61e284c309cd",
    "unfold/helpers/header.html": "d30d2ed9f06b45f3",
    "admin/base.html": "2ce9250b3c649e3a",
    "unfold/helpers/help_text.html": "7c3b12a6d62de9a3",
    "unfold/helpers/welcomemsg.html": "e8eab02522ba2319",
    "admin/includes/fieldset.html": "28426b3cc2900b0b",
}
# Where else a template trusts a text, and why that is none that people type.
TRUSTED = {
    "unfold/helpers/app_list.html": "titles of the menu, which stand in the settings",
    "admin/auth/user/change_password.html": "the theme has its own",
    "registration/password_change_form.html": "the theme has its own",
    "registration/password_reset_email.html": "a text without HTML; no mail is sent from here",
}
UNUSED = ("unfold_crispy/", "unfold/guardian/")  # for packages that are not installed
TRUST = re.compile(r"\|\s*safe\b|autoescape off|\|\s*safeseq\b")
ALPINE = "0d18d7f8d7910e2e0212f0f056b12f50bebc3abb7d88d2f7c7cb4c336fe4519a"


@pytest.mark.parametrize(("name", "known"), REPLACED.items())
def test_a_replaced_template_is_still_what_it_was_in_the_theme(name: str, known: str) -> None:
    assert hashlib.sha256((THEME / name).read_bytes()).hexdigest()[:16] == known


@pytest.mark.parametrize("name", REPLACED)
def test_ours_is_used_instead_of_the_themes(name: str) -> None:
    assert Path(get_template(name).origin.name).is_relative_to(OURS)


def test_no_other_template_trusts_a_text() -> None:
    django = Path(admin.__file__).parent / "templates"
    found = {
        str(path.relative_to(root))
        for root in (THEME, django)
        for path in root.rglob("*.html")
        if TRUST.search(path.read_text()) and path.is_relative_to(root)
    }
    ours = {name for name in found if not name.startswith(UNUSED)} - set(REPLACED)

    assert ours == set(TRUSTED)


def test_the_passwords_pages_are_the_themes_own() -> None:
    for name in ("admin/auth/user/change_password.html", "registration/password_change_form.html"):
        assert Path(get_template(name).origin.name).is_relative_to(THEME)
        assert not TRUST.search((THEME / name).read_text())


def test_a_help_text_is_escaped_unless_code_made_it_html() -> None:
    typed = render_to_string("unfold/helpers/help_text.html", {"help_text": "<b>bold</b>"})
    made = render_to_string("unfold/helpers/help_text.html", {"help_text": SafeString("<b>bold</b>")})

    assert "&lt;b&gt;bold&lt;/b&gt;" in typed
    assert "<b>bold</b>" in made


def test_a_teams_name_is_escaped_where_a_key_is_made(admin_client: Client) -> None:
    Team.objects.create(name="<img src=x onerror=pwn()>")

    page = admin_client.get(reverse("admin:delivery_apikey_add")).content.decode()

    assert "Existing teams: &lt;img src=x onerror=pwn()&gt;." in page
    assert "<img src=x" not in page


def test_alpine_is_the_build_that_its_readme_names() -> None:
    found = Path(str(finders.find("delivery/alpine/alpine-csp.min.js")))

    assert hashlib.sha256(found.read_bytes()).hexdigest() == ALPINE
    assert ALPINE in (found.parent / "README.md").read_text()


def test_no_page_loads_what_evaluates(admin_client: Client) -> None:
    page = admin_client.get("/admin/").content.decode()
    scripts = re.findall(r'<script src="/static/([^"]+)"', page)

    assert "delivery/alpine/alpine-csp.min.js" in scripts
    assert not [name for name in scripts if "htmx" in name or name.endswith("/alpine.js")]
