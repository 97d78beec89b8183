"""What a name server says, and what it leaves unsaid, is told apart."""

from collections.abc import Iterator
from typing import Any

import pytest

from delivery.monitoring import resolver
from tests.name_server import HANG, NameServer


@pytest.fixture
def server(settings: Any) -> Iterator[NameServer]:
    with NameServer() as server:
        settings.GOMAIL_DNS_SERVERS = (server.place,)
        yield server


@pytest.mark.parametrize(
    ("kind", "record", "value"),
    [
        ("TXT", '"v=DKIM1; p=MIGf" "MA0G"', "v=DKIM1; p=MIGfMA0G"),
        ("CNAME", "Target.Example.net.", "target.example.net"),
        ("MX", "10 MX.example.net.", "10 mx.example.net"),
    ],
)
def test_a_record_is_read(server: NameServer, kind: str, record: str, value: str) -> None:
    server.records[("a.example.org", kind)] = [record]
    assert resolver.values("a.example.org", kind) == (value,)


def test_a_name_that_does_not_exist_and_one_without_such_a_record_have_none(server: NameServer) -> None:
    server.records[("a.example.org", "TXT")] = ['"x"']
    assert resolver.values("b.example.org", "TXT") == ()
    assert resolver.values("a.example.org", "MX") == ()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("SERVFAIL", "The name servers refuse the question or fail on it."),
        ("REFUSED", "The name servers refuse the question or fail on it."),
        (HANG, "No name server has answered within 0 s."),
    ],
)
def test_a_server_that_does_not_say_is_no_missing_record(
    server: NameServer, fault: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "SECONDS", 0.4)
    server.faults["a.example.org"] = fault
    with pytest.raises(resolver.Unanswered) as told:
        resolver.values("a.example.org", "TXT")
    assert str(told.value).startswith(said)


@pytest.mark.parametrize(
    "name", ["a..example.org", "x" * 64 + ".example.org", "x." * 200 + "org", "\udcff.org"]
)
def test_a_name_that_is_none_is_looked_up_nowhere(server: NameServer, name: str) -> None:
    with pytest.raises(resolver.Unanswered):
        resolver.values(name, "TXT")
    assert server.asked == []
