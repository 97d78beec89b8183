"""What DNS has is compared with what a provider wants as a receiver would read it."""

import pytest

from delivery.monitoring import dns_check
from delivery.monitoring.dns_check import State
from providers.sender_domains import Purpose, Record

SPF = "v=spf1 include:mailgun.org ~all"
DKIM = "k=rsa; p=MIGfMA0GCSq"
CASES = [
    ("CNAME", Purpose.DKIM, "a.dkim.amazonses.com", [], State.MISSING),
    ("CNAME", Purpose.DKIM, "A.dkim.amazonses.com.", ["a.dkim.amazonses.com"], State.FOUND),
    ("CNAME", Purpose.DKIM, "a.dkim.amazonses.com", ["b.dkim.amazonses.com"], State.DIFFERENT),
    ("MX", Purpose.RETURN_PATH, "10 mx.example.net", ["20 mx.example.net"], State.FOUND),
    ("MX", Purpose.RETURN_PATH, "10 mx.example.net", ["10 mx.example.com"], State.DIFFERENT),
    ("TXT", Purpose.DKIM, DKIM, ["v=DKIM1; k=rsa; p=MIGf MA0G CSq"], State.FOUND),
    ("TXT", Purpose.DKIM, DKIM, ["v=DKIM1; p=other"], State.DIFFERENT),
    ("TXT", Purpose.DKIM, DKIM, ["v=DKIM1; p="], State.DIFFERENT),
    ("TXT", Purpose.OWNERSHIP, "proof.1", ["v=spf1 -all", "proof.1 "], State.FOUND),
    ("TXT", Purpose.OWNERSHIP, "proof.1", ["proof.2"], State.MISSING),
    ("TXT", Purpose.SPF, SPF, ["google-site-verification=x"], State.MISSING),
    ("TXT", Purpose.SPF, SPF, ["V=SPF1 ip4:192.0.2.1 +include:Mailgun.org -all"], State.FOUND),
    ("TXT", Purpose.SPF, SPF, ["v=spf1 include:_spf.google.com ~all"], State.DIFFERENT),
    ("TXT", Purpose.SPF, SPF, [SPF, "v=spf1 -all"], State.DIFFERENT),
    ("TXT", Purpose.SPF, SPF, ["v=spf1 -include:mailgun.org ~all"], State.DIFFERENT),
    ("TXT", Purpose.DMARC, "v=DMARC1; p=none;", ["v=spf1 -all"], State.MISSING),
    ("TXT", Purpose.DMARC, "v=DMARC1; p=none;", ["v=DMARC1;p=reject; rua=mailto:a@example.org"], State.FOUND),
    ("TXT", Purpose.DMARC, "v=DMARC1; p=none;", ["v=DMARC1; rua=mailto:a@example.org"], State.DIFFERENT),
    ("TXT", Purpose.DMARC, "v=DMARC1; p=none;", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], State.DIFFERENT),
    ("TXT", Purpose.DMARC, "v=DMARC1; p=none;", ["v=DMARC1; p=nothing"], State.DIFFERENT),
]


@pytest.mark.parametrize(("kind", "purpose", "value", "found", "state"), CASES)
def test_a_record_is_found_missing_or_different(
    kind: str, purpose: Purpose, value: str, found: list[str], state: State
) -> None:
    record = Record(purpose=purpose, type=kind, name="example.org", value=value)
    finding = dns_check.judge(record, found)
    assert finding.state == state
    assert state != State.DIFFERENT or finding.found


@pytest.mark.parametrize(
    ("there", "joined"),
    [
        ("v=spf1 include:_spf.google.com ~all", "v=spf1 include:_spf.google.com include:mailgun.org ~all"),
        ("v=spf1 mx", "v=spf1 mx include:mailgun.org"),
        ("v=spf1 a redirect=x.example", "v=spf1 a include:mailgun.org redirect=x.example"),
    ],
)
def test_a_domain_with_an_spf_record_is_told_the_one_that_serves_both(there: str, joined: str) -> None:
    record = Record(purpose=Purpose.SPF, type="TXT", name="example.org", value=SPF)
    assert dns_check.judge(record, [there]).instead == joined


def test_a_policy_of_a_domain_above_covers_those_below() -> None:
    found = dns_check.inherited(["v=DMARC1; p=reject"], "_dmarc.example.org")
    assert found
    assert found.state == State.FOUND
    assert "_dmarc.example.org" in found.advice
    assert dns_check.inherited(["v=spf1 -all"], "_dmarc.example.org") is None
