"""The DNS records of a Mandrill domain.

Shapes: https://github.com/mailchimp/mailchimp-client-lib-codegen, spec/transactional.openapi.json: senders/domains.
senders/check-domain is not used: it adds the domain to the account. The names of the records, which are the same for
every account: https://mailchimp.com/developer/transactional/docs/authentication-delivery/
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from providers.configuration import Entry
from providers.mandrill import configure, readiness
from providers.mandrill.adapter import Mandrill
from providers.sender_domains import Purpose, Record, SenderDomain
from providers.wire.domain_inquiry import QUICK, Asked
from providers.wire.inquiry import Inquiry

_DKIM: Final = {"mte1": "dkim1.mandrillapp.com", "mte2": "dkim2.mandrillapp.com"}
_SPF: Final = "v=spf1 include:spf.mandrillapp.com ~all"
_BOUNCES: Final = (
    "Bounces return to mandrillapp.com unless a return-path domain is set in Mandrill's settings; "
    "DMARC is content with DKIM alone."
)


def asker(entry: Entry) -> Asked:
    """Return the account; raise NotConfigured without a key."""
    account = Mandrill(replace(configure.config(entry), timeouts=QUICK))
    return Asked(account=account, learn=_learned)


def _learned(questions: Inquiry, domain: str) -> SenderDomain:
    listed = readiness.get_domains(questions)
    state = readiness.sender(questions, f"@{domain}", listed)
    detail = state.detail or f"{domain} is verified and signed for."
    return SenderDomain(
        provider=questions.name,
        verified=state.verified,
        detail=f"{detail} {_BOUNCES}",
        records=tuple(_records(domain, str(listed.get(domain, {}).get("verify_txt_key") or ""))),
    )


def _records(domain: str, key: str) -> Iterator[Record]:
    for selector, target in _DKIM.items():
        name = f"{selector}._domainkey.{domain}"
        yield Record(purpose=Purpose.DKIM, type="CNAME", name=name, value=target)
    yield Record(purpose=Purpose.SPF, type="TXT", name=domain, value=_SPF)
    if key:
        proof = f"mandrill_verify.{key.removeprefix('mandrill_verify.')}"
        yield Record(purpose=Purpose.OWNERSHIP, type="TXT", name=domain, value=proof)
