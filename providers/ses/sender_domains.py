"""The DNS records of Amazon SES: Easy DKIM and the MAIL FROM domain of an identity.

Shapes: botocore/data/sesv2/2019-09-27/service-2.json, GetEmailIdentity. Records of a MAIL FROM domain:
https://docs.aws.amazon.com/ses/latest/dg/mail-from.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from providers.configuration import Entry
from providers.sender_domains import Purpose, Record, SenderDomain
from providers.ses import configure, readiness
from providers.ses.adapter import SES
from providers.wire import domain_inquiry, inquiry
from providers.wire.domain_inquiry import DEEPEST, QUICK, Asked
from providers.wire.inquiry import Inquiry

_ZONE: Final = "dkim.amazonses.com"  # of the regions that do not name theirs
_Told = Mapping[str, Any]


def asker(entry: Entry) -> Asked:
    """Return the account; raise NotConfigured without a region."""
    config = configure.config(entry)
    account = SES(replace(config, timeouts=QUICK))
    return domain_inquiry.Asked(account=account, learn=partial(_learned, config.region))


def _learned(region: str, questions: Inquiry, domain: str) -> SenderDomain:
    """Ask for the domain and those above it: a verified one covers its subdomains."""
    waiting: SenderDomain | None = None
    for name in inquiry.domains(f"@{domain}")[:DEEPEST]:
        told = readiness.get_identity(questions, name)
        found = _identity(questions, region, name, told) if told is not None else None
        if found and found.verified:
            return found
        waiting = waiting or found
    missing = (
        f"SES does not know {domain} in this region. Create the domain there as an identity "
        "(Configuration, Identities); then its records stand here."
    )
    return waiting or SenderDomain(provider=questions.name, verified=False, detail=missing)


def _identity(questions: Inquiry, region: str, name: str, told: _Told) -> SenderDomain:
    state = readiness.identity(name, dict(told))
    dkim, origin = _part(told, "DkimAttributes"), _part(told, "MailFromAttributes")
    return SenderDomain(
        provider=questions.name,
        verified=state.verified,
        detail=questions.said(" ".join([state.detail, *_remarks(name, dkim, origin)])),
        records=(*_dkim(name, dkim), *_mail_from(region, origin)),
    )


def _remarks(name: str, dkim: _Told, origin: _Told) -> Iterator[str]:
    if dkim.get("SigningAttributesOrigin") == "EXTERNAL":
        yield "It signs with a key of your own (BYODKIM), whose record only you know."
    if not origin.get("MailFromDomain"):
        yield (
            "Bounces return to amazonses.com, so SPF does not align: set a custom MAIL FROM domain in SES, "
            f"such as bounce.{name}. DMARC is content with DKIM alone."
        )
    elif origin.get("MailFromDomainStatus") != "SUCCESS":
        yield f"SES calls its MAIL FROM domain {origin.get('MailFromDomainStatus')}."


def _dkim(name: str, dkim: _Told) -> Iterator[Record]:
    if dkim.get("SigningAttributesOrigin") == "EXTERNAL":
        return
    zone, tokens = dkim.get("SigningHostedZone") or _ZONE, dkim.get("Tokens")
    for token in tokens if isinstance(tokens, list) else []:
        whole = f"{token}._domainkey.{name}"
        yield Record(purpose=Purpose.DKIM, type="CNAME", name=whole, value=f"{token}.{zone}")


def _mail_from(region: str, origin: _Told) -> Iterator[Record]:
    if name := origin.get("MailFromDomain"):
        mx, spf = f"10 feedback-smtp.{region}.amazonses.com", "v=spf1 include:amazonses.com ~all"
        yield Record(purpose=Purpose.RETURN_PATH, type="MX", name=str(name), value=mx)
        yield Record(purpose=Purpose.SPF, type="TXT", name=str(name), value=spf)


def _part(told: _Told, name: str) -> _Told:
    part = told.get(name)
    return part if isinstance(part, dict) else {}
