"""The DNS records of SendGrid's domain authentication.

Shapes: https://github.com/twilio/sendgrid-oai, spec/json/tsg_domain_authentication_v3.json: with automated security
three CNAME records, without it MX and TXT records.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from providers.configuration import Entry
from providers.sender_domains import Purpose, Record, SenderDomain
from providers.sendgrid import configure, readiness
from providers.sendgrid.adapter import SendGrid
from providers.wire import inquiry
from providers.wire.domain_inquiry import DEEPEST, QUICK, Asked
from providers.wire.inquiry import Inquiry

_WHERE: Final = "in Settings, Sender Authentication"
_FEW: Final = 20  # rows of one domain, such as those of subusers
_Row = Mapping[str, Any]


def asker(entry: Entry) -> Asked:
    """Return the account; raise NotConfigured without a key."""
    account = SendGrid(replace(configure.config(entry), timeouts=QUICK))
    return Asked(account=account, learn=_learned)


def _learned(questions: Inquiry, domain: str) -> SenderDomain:
    """Ask for the domain and those above it: an authenticated one counts for its subdomains."""
    waiting: SenderDomain | None = None
    for name in inquiry.domains(f"@{domain}")[:DEEPEST]:
        found = _found(questions, name)
        if found and found.verified:
            return found
        waiting = waiting or found
    missing = f"SendGrid does not know {domain}. Authenticate it {_WHERE}; then its records stand here."
    return waiting or SenderDomain(provider=questions.name, verified=False, detail=missing)


def _found(questions: Inquiry, name: str) -> SenderDomain | None:
    rows = _rows(questions, name)
    if not rows:
        return None
    row = next((row for row in rows if row.get("valid") is True), rows[0])
    valid = row.get("valid") is True
    wanting = f"Enter its records where the DNS of {name} is kept, then have them verified {_WHERE}."
    return SenderDomain(
        provider=questions.name,
        verified=valid,
        detail=f"{name} is authenticated." if valid else f"{name} is not authenticated yet. {wanting}",
        records=tuple(_records(row.get("dns"))),
    )


def _rows(questions: Inquiry, name: str) -> Sequence[_Row]:
    answer = questions.ask(f"/v3/whitelabel/domains?domain={quote(name)}&limit={_FEW}")
    told = readiness.answered(questions, answer)
    if not isinstance(told, list):
        raise questions.foreign(answer)
    listed = [row for row in told if isinstance(row, dict)]
    return [row for row in listed if str(row.get("domain")).lower() == name]


def _records(dns: Any) -> Iterator[Record]:
    for key, entry in dns.items() if isinstance(dns, dict) else ():
        if not isinstance(entry, dict) or not (entry.get("host") and entry.get("data")):
            continue
        kind, value = str(entry.get("type") or "cname").upper(), str(entry["data"]).rstrip(".")
        if kind == "MX" and " " not in value:
            value = f"10 {value}"
        yield Record(purpose=_purpose(key), type=kind, name=str(entry["host"]).rstrip("."), value=value)


def _purpose(key: str) -> Purpose:
    if "dkim" in key:
        return Purpose.DKIM
    return Purpose.SPF if "spf" in key else Purpose.RETURN_PATH
