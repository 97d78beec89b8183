"""Somebody asks what a domain lacks and copies what to enter, with the keyboard, on a desk and on a phone."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from delivery.access import keys
from delivery.routing import configured
from tests.browser.accessible import faults
from tests.browser.watching import Watched, fits, keep
from tests.name_server import NameServer
from tests.providers.fault_server import FaultServer, answer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

KEY = "k=rsa; p=" + "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC" * 9


@pytest.fixture
def asked(settings: Any) -> Iterator[NameServer]:
    cache.clear()
    dns = {
        "mail_cname": {"type": "cname", "host": "em1.example.org", "data": "u1.wl.sendgrid.net"},
        "dkim": {"type": "txt", "host": "m1._domainkey.example.org", "data": KEY},
        "domain_spf": {"type": "txt", "host": "example.org", "data": "v=spf1 include:sendgrid.net ~all"},
    }
    with FaultServer() as vendor, NameServer() as names:
        settings.GOMAIL_DNS_SERVERS = (names.place,)
        settings.GOMAIL_PROVIDERS = ("sendgrid", "backup=smtp")
        settings.PROVIDER_SECRETS = {
            "SENDGRID_API_KEY": "SG.key",
            "SENDGRID_BASE_URL": vendor.url,
            "BACKUP_SMTP_URL": "smtp://127.0.0.1:2525",
        }
        vendor.default = answer(200, [{"domain": "example.org", "valid": False, "dns": dns}])
        names.records = {
            ("em1.example.org", "CNAME"): ["u1.wl.sendgrid.net."],
            ("example.org", "TXT"): ['"v=spf1 include:_spf.google.com ~all"'],
            ("_spf.google.com", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 ~all"'],
        }
        names.faults = {"_dmarc.example.org": "SERVFAIL"}
        yield names
    configured._build.cache_clear()


def test_a_domain_is_asked_for_and_its_records_are_copied(watched: Watched, asked: NameServer) -> None:
    keys.issue("shop", scopes=["send"], from_addresses=["@example.org"])
    page = watched.page
    watched.open("/admin/delivery/circuit/sender-domains/")
    page.get_by_role("link", name="example.org", exact=True).press("Enter")
    page.get_by_role("button", name="Ask now").press("Enter")
    page.get_by_role("button", name="Ask again").wait_for()
    for state in ("found", "missing", "different", "could not be asked"):
        assert page.locator(".gm-record .gm-label", has_text=state).count() == 1
    assert "include:_spf.google.com include:sendgrid.net ~all" in page.inner_text("main")
    copies = page.get_by_role("button", name="Copy the value of the CNAME record at em1.example.org")
    copies.press("Enter")
    page.get_by_text("Copied", exact=True).wait_for()
    for width, scheme in ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 2400})
        page.evaluate(f"document.documentElement.classList.toggle('dark', {str(scheme == 'dark').lower()})")
        page.wait_for_timeout(250)  # colours change slowly
        keep(page, f"sender-domain-{width}-{scheme}.png", full_page=True)
        assert faults(page) == [], (width, scheme)
        assert fits(page), (width, scheme)
    assert watched.outside() == []
