"""Each vendor's answer about a domain becomes the DNS records that a person enters."""

from collections.abc import Mapping
from typing import Any

import pytest

from providers import registry
from providers.sender_domains import Record, SenderDomain
from providers.wire import http
from tests.providers.fault_server import FaultServer, answer, hang

SES = {"AWS_SES_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIAKEY", "AWS_SECRET_ACCESS_KEY": "ses-secret"}
KEYS = {
    **SES,
    "SENDGRID_API_KEY": "sendgrid-secret",
    "MAILGUN_API_KEY": "mailgun-secret",
    "MAILGUN_DOMAIN": "mg.example.org",
    "MANDRILL_API_KEY": "mandrill-secret",
}
URLS = {
    "ses": "AWS_SES_ENDPOINT_URL",
    "sendgrid": "SENDGRID_BASE_URL",
    "mailgun": "MAILGUN_BASE_URL",
    "mandrill": "MANDRILL_BASE_URL",
}
IDENTITY = "/v2/email/identities/"
NO_IDENTITY = answer(404, {"message": "no"}, {"x-amzn-ErrorType": "NotFoundException"})
SENDGRID, MAILGUN, MANDRILL = "/v3/whitelabel/domains", "/v4/domains/mg.example.org", "/senders/domains.json"


def ask(server: FaultServer, vendor: str, domain: str = "example.org") -> SenderDomain:
    account = registry.sender_domains([vendor], {**KEYS, URLS[vendor]: server.url})[vendor]
    try:
        return account.ask(domain)
    finally:
        account.close()


def written(records: tuple[Record, ...]) -> list[str]:
    return [f"{each.purpose}: {each.name} {each.type} {each.value}" for each in records]


def identity(**changes: Any) -> Any:
    dkim = {"Status": "SUCCESS", "Tokens": ["abc", "def"], "SigningAttributesOrigin": "AWS_SES"}
    origin = {"MailFromDomain": "bounce.example.org", "MailFromDomainStatus": "PENDING"}
    told = {"VerifiedForSendingStatus": True, "DkimAttributes": dkim, "MailFromAttributes": origin}
    return answer(200, {**told, **changes})


def test_ses_wants_its_dkim_tokens_and_the_mail_from_domain(server: FaultServer) -> None:
    server.paths[f"{IDENTITY}example.org"] = identity()
    found = ask(server, "ses")
    assert found.verified is True
    assert "SES calls its MAIL FROM domain PENDING." in found.detail
    assert written(found.records) == [
        "DKIM: abc._domainkey.example.org CNAME abc.dkim.amazonses.com",
        "DKIM: def._domainkey.example.org CNAME def.dkim.amazonses.com",
        "return path: bounce.example.org MX 10 feedback-smtp.eu-west-1.amazonses.com",
        "SPF: bounce.example.org TXT v=spf1 include:amazonses.com ~all",
    ]


def test_ses_covers_a_subdomain_by_a_verified_domain_above(server: FaultServer) -> None:
    server.paths |= {f"{IDENTITY}news.example.org": NO_IDENTITY, f"{IDENTITY}example.org": identity()}
    found = ask(server, "ses", "news.example.org")
    assert found.verified is True
    assert found.records[0].name == "abc._domainkey.example.org"


def test_ses_names_its_own_zone_of_keys_and_leaves_out_keys_of_ones_own(server: FaultServer) -> None:
    zone = {"Tokens": ["abc"], "SigningHostedZone": "dkim.eu-west-1.amazonses.com"}
    own = {"Tokens": ["mine"], "SigningAttributesOrigin": "EXTERNAL"}
    server.script(identity(DkimAttributes=zone), identity(DkimAttributes=own, MailFromAttributes={}))
    assert ask(server, "ses").records[0].value == "abc.dkim.eu-west-1.amazonses.com"
    found = ask(server, "ses")
    assert found.records == ()
    assert "BYODKIM" in found.detail
    assert "bounce.example.org" in found.detail


def test_sendgrid_wants_what_its_domain_authentication_lists(server: FaultServer) -> None:
    dns = {
        "mail_cname": {"type": "cname", "host": "em1.example.org", "data": "u1.wl.sendgrid.net"},
        "dkim1": {
            "type": "cname",
            "host": "s1._domainkey.example.org",
            "data": "s1.domainkey.u1.wl.sendgrid.net",
        },
    }
    other = {"domain": "shop.example.org", "valid": True, "dns": {}}
    server.paths[SENDGRID] = answer(200, [other, {"domain": "example.org", "valid": False, "dns": dns}])
    found = ask(server, "sendgrid")
    assert found.verified is False
    assert "Settings, Sender Authentication" in found.detail
    assert written(found.records) == [
        "return path: em1.example.org CNAME u1.wl.sendgrid.net",
        "DKIM: s1._domainkey.example.org CNAME s1.domainkey.u1.wl.sendgrid.net",
    ]


def test_sendgrid_without_automated_security_wants_mx_and_txt(server: FaultServer) -> None:
    dns = {
        "mail_server": {"type": "mx", "host": "em1.example.org", "data": "mx.sendgrid.net."},
        "subdomain_spf": {
            "type": "txt",
            "host": "em1.example.org",
            "data": "v=spf1 include:sendgrid.net ~all",
        },
        "dkim": {"type": "txt", "host": "m1._domainkey.example.org", "data": "k=rsa; p=MIGf"},
    }
    server.paths[SENDGRID] = answer(200, [{"domain": "example.org", "valid": True, "dns": dns}])
    assert written(ask(server, "sendgrid").records) == [
        "return path: em1.example.org MX 10 mx.sendgrid.net",
        "SPF: em1.example.org TXT v=spf1 include:sendgrid.net ~all",
        "DKIM: m1._domainkey.example.org TXT k=rsa; p=MIGf",
    ]


def mailgun(state: str = "active") -> Any:
    rows = [
        {"record_type": "TXT", "name": "mg.example.org", "value": "v=spf1 include:mailgun.org ~all"},
        {"record_type": "TXT", "name": "mx._domainkey.mg.example.org", "value": "k=rsa; p=MIGf"},
        {"record_type": "CNAME", "name": "email.mg.example.org", "value": "mailgun.org"},
        None,
    ]
    return answer(200, {"domain": {"name": "mg.example.org", "state": state}, "sending_dns_records": rows})


def test_mailgun_wants_spf_and_dkim_of_the_domain_that_it_sends_by(server: FaultServer) -> None:
    server.paths[MAILGUN] = mailgun()
    found = ask(server, "mailgun", "mg.example.org")
    assert found.verified is True
    assert written(found.records) == [
        "SPF: mg.example.org TXT v=spf1 include:mailgun.org ~all",
        "DKIM: mx._domainkey.mg.example.org TXT k=rsa; p=MIGf",
    ]


def test_mailgun_wants_nothing_for_a_domain_that_it_does_not_sign_for(server: FaultServer) -> None:
    server.paths[MAILGUN] = mailgun()
    found = ask(server, "mailgun", "rival.example")
    assert (found.verified, found.records) == (None, ())
    assert "do not align with rival.example" in found.detail


def test_mandrill_is_asked_for_its_list_alone_and_adds_no_domain(server: FaultServer) -> None:
    good = {"valid": True}
    row = {"domain": "example.org", "valid_signing": True, "dkim": good, "spf": good, "verify_txt_key": "k1"}
    server.paths[MANDRILL] = answer(200, [row])
    found = ask(server, "mandrill")
    assert found.verified is True
    assert [request.path for request in server.received] == [MANDRILL]
    assert written(found.records) == [
        "DKIM: mte1._domainkey.example.org CNAME dkim1.mandrillapp.com",
        "DKIM: mte2._domainkey.example.org CNAME dkim2.mandrillapp.com",
        "SPF: example.org TXT v=spf1 include:spf.mandrillapp.com ~all",
        "ownership: example.org TXT mandrill_verify.k1",
    ]


UNKNOWN: Mapping[str, Any] = {
    "ses": NO_IDENTITY,
    "sendgrid": answer(200, []),
    "mandrill": answer(200, []),
}


@pytest.mark.parametrize("vendor", UNKNOWN)
def test_a_domain_that_a_vendor_does_not_know_is_not_verified(server: FaultServer, vendor: str) -> None:
    server.default = UNKNOWN[vendor]
    found = ask(server, vendor)
    assert (found.verified, found.asked) == (False, True)
    assert "does not know example.org" in found.detail


@pytest.mark.parametrize("vendor", URLS)
@pytest.mark.parametrize(
    "fault", [answer(401, {"message": "no"}), answer(500), answer(200, "<html>"), hang()]
)
def test_a_vendor_that_does_not_answer_says_why_and_names_no_secret(
    server: FaultServer, vendor: str, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = http.Timeouts(connect=0.3, read=0.3, total=0.3)
    for module in ("ses", "sendgrid", "mailgun", "mandrill"):
        monkeypatch.setattr(f"providers.{module}.sender_domains.QUICK", quick)
    server.default = fault
    found = ask(server, vendor)
    assert (found.asked, found.verified, found.records) == (False, None, ())
    assert found.detail
    assert "secret" not in found.detail


@pytest.mark.parametrize("name", ["smtp", "sandbox", "backup=smtp", "post=django"])
def test_what_cannot_be_asked_says_so(name: str) -> None:
    (account,) = registry.sender_domains([name], {}).values()
    found = account.ask("example.org")
    assert (found.asked, found.verified, found.records) == (False, None, ())
    assert found.detail


def test_a_provider_that_is_not_configured_is_left_out() -> None:
    assert registry.sender_domains(["ses", "sendgrid", "nonsense"], {}) == {}
