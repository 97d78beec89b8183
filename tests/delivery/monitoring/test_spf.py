"""SPF records are followed through `include:` and `redirect=` as receivers do, at a real name server."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from delivery.monitoring import dns_check, sender_domains, spf
from delivery.monitoring.dns_check import Finding, State
from delivery.monitoring.spf import MOST_LOOKUPS
from providers.sender_domains import Purpose, Record
from tests.name_server import HANG, NameServer

NAME, WANTED = "example.org", "include:sendgrid.net"


@pytest.fixture
def names(settings: Any) -> Iterator[NameServer]:
    with NameServer() as server:
        settings.GOMAIL_DNS_SERVERS = (server.place,)
        for number in range(MOST_LOOKUPS):
            server.records[(f"h{number}.example", "A")] = ["192.0.2.1"]
            server.records[(f"h{number}.example", "MX")] = ["10 mail.example."]
        yield server


def found(names: NameServer, **records: str) -> Finding:
    """Return the finding at example.org; `own` is its record, others stand at their name below .example."""
    for name, terms in records.items():
        place = NAME if name == "own" else f"{name}.example"
        names.records[(place, "TXT")] = [f'"v=spf1 {terms}"']
    record = Record(purpose=Purpose.SPF, type="TXT", name=NAME, value=f"v=spf1 {WANTED} ~all")
    return sender_domains._finding(record, sender_domains._looked_up([record]))


def test_what_the_record_includes_counts_however_deep(names: NameServer) -> None:
    told = found(
        names, own="include:a.example -all", a="Include:B.example ~all", b=f"ip4:192.0.2.1 {WANTED} ~all"
    )
    names.records[("sendgrid.net", "TXT")] = ['"v=spf1 -all"']
    assert told.state == State.DIFFERENT  # nobody knows sendgrid.net here: receivers take it as broken
    told = found(names)
    assert (told.state, "includes" in told.advice) == (State.FOUND, True)
    assert ("b.example", "TXT") in names.asked


@pytest.mark.parametrize(
    ("own", "other", "state"),
    [
        ("redirect=a.example", "include:sendgrid.net -all", State.FOUND),
        ("redirect=a.example -all", "include:sendgrid.net -all", State.DIFFERENT),
        ("-all redirect=a.example", "include:sendgrid.net -all", State.DIFFERENT),
        ("-include:a.example ~all", "include:sendgrid.net -all", State.DIFFERENT),
        ("include:a.example ~all", "-include:sendgrid.net ~all", State.DIFFERENT),
        ("include:a.example ~all", "~all include:sendgrid.net", State.DIFFERENT),
        ("include:a.example ~all", "ip4:192.0.2.1 ~all", State.DIFFERENT),
    ],
)
def test_only_what_lets_somebody_send_counts(names: NameServer, own: str, other: str, state: State) -> None:
    names.records[("sendgrid.net", "TXT")] = ['"v=spf1 ip4:192.0.2.9 -all"']
    assert found(names, own=own, a=other).state == state


@pytest.mark.parametrize(
    ("count", "state"), [(MOST_LOOKUPS, State.FOUND), (MOST_LOOKUPS + 1, State.DIFFERENT)]
)
def test_a_record_that_needs_more_than_ten_look_ups_is_told(
    names: NameServer, count: int, state: State
) -> None:
    names.records[("sendgrid.net", "TXT")] = ['"v=spf1 ip4:192.0.2.9 -all"']
    many = " ".join(f"a:h{number}.example" for number in range(count - 2))
    told = found(names, own=f"{WANTED} include:a.example -all", a=f"{many} ~all")
    assert told.state == state
    assert ("more than 10 look-ups" in told.advice) == (state == State.DIFFERENT)


def test_where_a_full_record_lacks_the_vendor_it_is_told_before_it_is_added(names: NameServer) -> None:
    told = found(names, own=" ".join(f"mx:h{number}.example" for number in range(MOST_LOOKUPS)))
    assert (told.state, "10 look-ups already" in told.advice) == (State.DIFFERENT, True)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ({"own": "include:nowhere.example -all"}, "has no SPF record"),
        ({"own": "include:a.example -all", "a": "include:example.org -all"}, "leads back to example.org"),
        ({"own": "include:a.example", "a": "redirect=a.example"}, "leads back to a.example"),
        ({"own": "include: -all"}, "names no domain"),
        ({"own": "include:%{i}._spf.example -all"}, "has a macro"),
    ],
)
def test_what_cannot_be_followed_is_said(names: NameServer, records: dict[str, str], words: str) -> None:
    told = found(names, **records)
    assert (told.state, words in told.advice) == (State.DIFFERENT, True), told.advice


def test_a_second_record_of_an_included_name_is_said(names: NameServer) -> None:
    names.records[("a.example", "TXT")] = ['"v=spf1 -all"', '"v=spf1 ~all"']
    assert "several SPF records" in found(names, own="include:a.example -all").advice


@pytest.mark.parametrize("fault", [HANG, "SERVFAIL"])
def test_a_server_that_does_not_answer_is_no_missing_term(
    names: NameServer, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from delivery.monitoring import resolver

    monkeypatch.setattr(resolver, "SECONDS", 1.0)
    names.faults = {"a.example": fault, "b.example": fault}
    begun = time.monotonic()
    told = found(names, own="include:a.example include:b.example -all")
    assert time.monotonic() - begun < 1.6
    assert (told.state, "could not be followed" in told.advice) == (State.UNASKED, True)


def test_what_a_server_keeps_to_itself_does_not_matter_where_the_vendor_is_found(names: NameServer) -> None:
    names.records[("sendgrid.net", "TXT")] = ['"v=spf1 ip4:192.0.2.9 -all"']
    names.faults = {"a.example": "SERVFAIL"}
    assert found(names, own=f"include:a.example {WANTED} -all").state == State.FOUND


def test_nobody_is_asked_about_a_record_that_is_broken_already(names: NameServer) -> None:
    names.records[(NAME, "TXT")] = ['"v=spf1 include:a.example"', '"v=spf1 -all"']
    record = Record(purpose=Purpose.SPF, type="TXT", name=NAME, value=f"v=spf1 {WANTED} ~all")
    sender_domains._looked_up([record])
    assert names.asked == [(NAME, "TXT")]


@pytest.mark.parametrize(
    "record", ["v=spf1", "v=spf1 = : / %{ include: redirect= a//24 ?all +", "v=spf1 " + "a " * 5000]
)
def test_no_record_is_too_odd_to_be_read(record: str) -> None:
    reach = spf.follow(record, NAME, lambda *_: [], 1.0)
    assert reach.lookups <= MOST_LOOKUPS + 1
    wanted = Record(purpose=Purpose.SPF, type="TXT", name=NAME, value="v=spf1 include:x.example ~all")
    assert dns_check.judge(wanted, [record], reach).state in (State.DIFFERENT, State.MISSING)


@pytest.mark.parametrize(
    ("own", "state"),
    [
        ("a:gone1.example mx:gone2.example", State.FOUND),
        ("a:gone1.example mx:gone2.example exists:gone3.example", State.DIFFERENT),
        ("a:gone1.example/24 -a:gone2.example mx:gone3.example//64", State.DIFFERENT),
        ("a:gone1.example a:gone1.example a:gone1.example", State.FOUND),  # one name
        ("a:gone1.example a:gone2.example exists:%{i}.gone3.example", State.FOUND),  # nobody knows which
        ("a:gone1.example a:gone2.example a:v6.example mx:served.example", State.FOUND),
        ("a:gone1.example mx:gone2.example a/24", State.DIFFERENT),  # its own name, which has no address
        ("a:gone1.example include:c.example", State.DIFFERENT),
        ("a:gone1.example a:gone2.example a:unknown.example", State.FOUND),
        ("mx:many.example", State.DIFFERENT),
    ],
)
def test_names_that_come_to_nothing_are_told_once_they_are_more_than_two(
    names: NameServer, own: str, state: State
) -> None:
    names.records |= {
        ("sendgrid.net", "TXT"): ['"v=spf1 ip4:192.0.2.9 -all"'],
        ("v6.example", "AAAA"): ["2001:db8::1"],
        ("served.example", "MX"): ["10 mail.example."],
        ("many.example", "MX"): [f"10 m{number}.example." for number in range(11)],
    }
    names.faults = {"unknown.example": "SERVFAIL"}
    told = found(names, own=f"{WANTED} {own} -all", c="a mx -all")
    assert told.state == state, told.advice
    assert ("(RFC 7208)" in told.advice) == (state == State.DIFFERENT)


def test_a_name_server_that_is_slow_with_addresses_keeps_no_include_from_being_read(
    names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from delivery.monitoring import resolver

    monkeypatch.setattr(resolver, "SECONDS", 1.0)
    names.records[("sendgrid.net", "TXT")] = ['"v=spf1 ip4:192.0.2.9 -all"']
    names.faults = {"slow.example": HANG}
    assert found(names, own=f"a:slow.example {WANTED} -all").state == State.FOUND
