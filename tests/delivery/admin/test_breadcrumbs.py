"""The header of a page says where it is: the sidebar's section, the list, the row as it is, and what is asked of it."""

import html
import re

import pytest
from django.test import Client

from delivery.models import Group, Team
from tests.delivery import factories

pytestmark = pytest.mark.django_db


def way(client: Client, path: str) -> str:
    """Return the header; what has a link is in brackets."""
    page = client.get(path).content.decode()
    crumbs = re.findall(r"<(a|span)[^>]*gm-crumb[^>]*>([^<]*)</", page)
    return " > ".join(html.unescape(f"[{text}]" if tag == "a" else text) for tag, text in crumbs)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "Today"),
        ("delivery/apikey/", "Access > API keys"),
        ("delivery/apikey/add/", "Access > [API keys] > Add API key"),
        ("delivery/auditentry/", "Access > Audit"),
        ("auth/user/", "Access > Users"),
        ("mfa/authenticator/", "Access > Second factors"),
        ("delivery/webhookcall/", "Webhooks > Calls"),
        ("delivery/circuit/", "Delivery > Providers"),
        ("delivery/circuit/sender-domains/", "Delivery > Sender domains"),
        ("delivery/email/", "Log > Emails"),
        ("delivery/email/send-test/", "Log > [Emails] > Send a test"),
    ],
)
def test_a_page_is_where_the_sidebar_says(admin_client: Client, path: str, told: str) -> None:
    assert way(admin_client, f"/admin/{path}") == told


def test_a_row_is_named_as_it_is_and_leads_back_from_what_is_asked_of_it(admin_client: Client) -> None:
    email = factories.queued(subject="invoice <1> of 2")
    page = f"/admin/delivery/email/{email.pk}/"
    assert way(admin_client, f"{page}change/") == "Log > [Emails] > invoice <1> of 2"
    assert way(admin_client, f"{page}source/") == "Log > [Emails] > [invoice <1> of 2] > Source"
    assert way(admin_client, f"{page}cancel/") == "Log > [Emails] > [invoice <1> of 2] > Cancel it"


def test_an_empty_list_says_so_in_a_sentence(admin_client: Client) -> None:
    empty = admin_client.get("/admin/delivery/group/").content.decode()
    assert "There is no group that you may see." in empty
    assert "Show all" not in empty
    Group.objects.create(team=Team.objects.create(name="shop"), name="News")
    found = admin_client.get("/admin/delivery/group/?q=nobody").content.decode()
    assert "No group matches the search and the filters." in found
    assert 'href="?"' in found


def test_whoever_has_left_is_told_so_in_plain_words(admin_client: Client) -> None:
    told = admin_client.post("/admin/logout/").content.decode()
    assert "You are logged out" in told
    assert "quality time" not in told
