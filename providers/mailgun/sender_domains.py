"""The DNS records of a Mailgun domain. An account here sends by one, whatever the sender's domain is.

Shapes: https://github.com/mailgun/mailgun-mcp-server, src/openapi.yaml: GET /v4/domains/{name}. Records for receiving
and for tracking are left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from providers.configuration import Entry
from providers.mailgun import configure, readiness
from providers.mailgun.adapter import Mailgun
from providers.sender_domains import Purpose, Record, SenderDomain
from providers.wire.domain_inquiry import QUICK, Asked
from providers.wire.inquiry import Inquiry


def asker(entry: Entry) -> Asked:
    """Return the account; raise NotConfigured without a key or a domain."""
    config = configure.config(entry)
    account = Mailgun(replace(config, timeouts=QUICK))
    return Asked(account=account, learn=partial(_learned, config.domain.lower()))


def _learned(own: str, questions: Inquiry, domain: str) -> SenderDomain:
    found = readiness.get_domain(questions, own)
    verified = readiness.is_verified(found)
    state = readiness.sender(f"@{domain}", own, verified=verified)
    aligned = f".{domain}".endswith(f".{own}") or f".{own}".endswith(f".{domain}")
    return SenderDomain(
        provider=questions.name,
        verified=state.verified,
        detail=state.detail or f"{own} is verified; bounces return to it, and its SPF record covers them.",
        records=tuple(_records(found)) if aligned else (),
    )


def _records(found: Mapping[str, Any]) -> Iterator[Record]:
    listed = found.get("sending_dns_records")
    for entry in listed if isinstance(listed, list) else ():
        purpose = _purpose(entry) if isinstance(entry, dict) else None
        if purpose:
            kind = str(entry.get("record_type") or "TXT").upper()
            yield Record(
                purpose=purpose, type=kind, name=str(entry["name"]).rstrip("."), value=str(entry["value"])
            )


def _purpose(entry: Mapping[str, Any]) -> Purpose | None:
    name, value = (str(entry.get(key) or "").lower() for key in ("name", "value"))
    if not name or not value:
        return None
    if "._domainkey." in name:
        return Purpose.DKIM
    return Purpose.SPF if value.startswith("v=spf1") else None
