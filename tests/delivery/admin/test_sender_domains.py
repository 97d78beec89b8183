"""The pages of sender domains: what to enter in DNS, and whether it is there, for people of the teams that send."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from delivery.access import keys
from delivery.admin import sender_domains as pages
from delivery.models import Member, ProviderCheck, Team
from delivery.monitoring import resolver, sender_domains
from delivery.routing import configured
from tests.delivery.admin.pages import text
from tests.delivery.factories import written
from tests.name_server import HANG, NameServer
from tests.providers.fault_server import FaultServer, answer, hang

pytestmark = pytest.mark.django_db

LIST = "/admin/delivery/circuit/sender-domains/"
PAGE, ASK = f"{LIST}one/", f"{LIST}ask/"
SECRET = "SG.very-secret"
DNS = {
    "mail_cname": {"type": "cname", "host": "em1.example.org", "data": "u1.wl.sendgrid.net"},
    "dkim1": {"type": "cname", "host": "s1._domainkey.example.org", "data": "s1.u1.wl.sendgrid.net"},
    "dkim2": {"type": "cname", "host": "s2._domainkey.example.org", "data": "s2.u1.wl.sendgrid.net"},
}


@pytest.fixture
def names(settings: Any) -> Iterator[NameServer]:
    with NameServer() as server:
        settings.GOMAIL_DNS_SERVERS = (server.place,)
        yield server


@pytest.fixture
def vendor(settings: Any) -> Iterator[FaultServer]:
    cache.clear()
    with FaultServer() as server:
        settings.GOMAIL_PROVIDERS = ("sendgrid", "backup=smtp")
        settings.DEFAULT_FROM_EMAIL = ""
        settings.PROVIDER_SECRETS = {
            "SENDGRID_API_KEY": SECRET,
            "SENDGRID_BASE_URL": server.url,
            "BACKUP_SMTP_URL": "smtp://127.0.0.1:2525",
        }
        row = {"domain": "example.org", "valid": True, "dns": DNS}
        server.paths["/v3/whitelabel/domains"] = answer(200, [row])
        yield server
    configured._build.cache_clear()


@pytest.fixture
def root(vendor: FaultServer) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def member(role: str, team: str = "shop") -> Client:
    user = User.objects.create_user(f"{role}-{team}", is_staff=True)
    Member.objects.create(team=Team.objects.get_or_create(name=team)[0], user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


def listed(client: Client) -> list[str]:
    return [domain for domain, *_ in client.get(LIST).context["domains"]]


def ask(client: Client, domain: str = "example.org") -> str:
    return text(client.post(ASK, {"domain": domain}))


def test_the_domains_are_those_of_senders_keys_and_settings(root: Client, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "GoMail <post@default.example>"
    written(from_address="Shop@Example.org")
    keys.issue("shop", scopes=["send"], from_addresses=["@rule.example", "one@single.example"])
    revoked, _ = keys.issue("shop", scopes=["send"], from_addresses=["@revoked.example"])
    revoked.revoke()
    assert listed(root) == ["default.example", "rule.example", "single.example", "example.org"]


def test_no_domain_is_left_out_of_the_pages_of_the_list(
    root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_MOST", 2)
    for name in ("a", "b", "c"):
        written(from_address=f"shop@{name}.example")
    first, second = (root.get(LIST, {"p": number}) for number in (1, 2))
    assert [domain for page in (first, second) for domain, *_ in page.context["domains"]] == [
        "a.example",
        "b.example",
        "c.example",
    ]
    assert ('href="?p=2"' in first.content.decode(), "3 to 3 of 3" in text(second)) == (True, True)
    assert [root.get(LIST, {"p": odd}).status_code for odd in ("9", "-1", "x")] == [200, 200, 200]


def test_the_list_says_what_the_providers_said_at_their_last_check(root: Client) -> None:
    written(from_address="shop@example.org")
    told = {"shop@example.org": {"verified": True, "detail": ""}, "a@sub.example.org": {"verified": False}}
    ProviderCheck.objects.create(provider="sendgrid", senders=told)
    assert "example.org verified not asked yet" in text(root.get(LIST))


def test_a_page_asks_nobody_until_somebody_wants_it(
    root: Client, vendor: FaultServer, names: NameServer
) -> None:
    assert "_dmarc.example.org" in text(root.get(PAGE, {"domain": "example.org"}))
    assert (vendor.received, names.asked) == ([], [])


def test_each_record_is_to_be_copied_and_found_missing_or_different(root: Client, names: NameServer) -> None:
    names.records = {
        ("em1.example.org", "CNAME"): ["u1.wl.sendgrid.net."],
        ("s1._domainkey.example.org", "CNAME"): ["elsewhere.example.net."],
        ("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=reject"'],
    }
    answered = root.post(ASK, {"domain": "example.org"})
    shown, page = text(answered), answered.content.decode()
    for words in (
        "sendgrid verified example.org is authenticated.",
        "return path found",
        "DKIM different Type CNAME Name s1._domainkey.example.org",
        "In DNS elsewhere.example.net",
        "DKIM missing Type CNAME Name s2._domainkey.example.org",
        "DMARC found",
        "backup could not be asked An SMTP server cannot be asked.",
    ):
        assert words in shown
    for value in ("em1.example.org", "u1.wl.sendgrid.net", "v=DMARC1; p=none;"):
        assert f'data-copy="{value}"' in page
    assert SECRET not in page


def test_what_does_not_answer_is_no_missing_record(
    root: Client, vendor: FaultServer, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "SECONDS", 0.3)
    names.faults = {"em1.example.org": HANG, "s1._domainkey.example.org": "SERVFAIL"}
    shown = ask(root)
    assert "return path could not be asked" in shown
    assert "No name server has answered" in shown
    assert "The name servers refuse the question or fail on it." in shown


def test_a_vendor_that_hangs_does_not_keep_the_person(
    root: Client, vendor: FaultServer, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_domains, "_VENDORS", 0.3)
    vendor.paths["/v3/whitelabel/domains"] = hang()
    shown = ask(root)
    assert "sendgrid could not be asked It has not answered within" in shown
    assert "DMARC missing" in shown


def test_a_subdomain_is_covered_by_the_policy_above(root: Client, names: NameServer) -> None:
    names.records = {("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=quarantine"']}
    shown = ask(root, "news.shop.example.org")
    assert "It stands at _dmarc.example.org, which covers this domain." in shown


def test_people_see_the_domains_of_their_teams_alone(vendor: FaultServer, names: NameServer) -> None:
    anna, eve = member("owner"), member("owner", "rival")
    keys.issue("shop", scopes=["send"], from_addresses=["@example.org"])
    keys.issue("rival", scopes=["send"], from_addresses=["@rival.example"])
    assert (listed(anna), listed(eve)) == (["example.org"], ["rival.example"])
    for theirs in ("rival.example", "nobody.example", "", "a@b", "x y"):
        assert anna.get(PAGE, {"domain": theirs}).status_code == 404
        assert anna.post(ASK, {"domain": theirs}).status_code == 404
    assert (vendor.received, names.asked) == ([], [])
    assert "DMARC missing" in ask(anna)


def test_who_may_not_have_providers_asked_sees_what_is_known(vendor: FaultServer) -> None:
    viewer = member("viewer")
    keys.issue("shop", scopes=["send"], from_addresses=["@example.org"])
    shown = text(viewer.get(PAGE, {"domain": "example.org"}))
    assert "Ask now" not in shown
    assert viewer.post(ASK, {"domain": "example.org"}).status_code == 403
    assert vendor.received == []


def test_who_is_in_no_team_sees_nothing(vendor: FaultServer) -> None:
    client = Client()
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert [client.get(path).status_code for path in (LIST, PAGE, ASK)] == [403, 403, 403]


def test_the_operator_may_look_at_a_domain_before_anybody_sends_from_it(
    root: Client, names: NameServer, vendor: FaultServer
) -> None:
    vendor.paths["/v3/whitelabel/domains"] = answer(200, [])
    assert "SendGrid does not know xn--bcher-kva.example." in ask(root, "bücher.example")
    assert ("_dmarc.xn--bcher-kva.example", "TXT") in names.asked
    assert root.get(ASK).status_code == 405
    assert root.post(PAGE).status_code == 405
    assert root.post(LIST).status_code == 405
