"""No address has more than its share of the connections that wait, and whoever comes last gets in."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from gunicorn.config import Config

from gomail.server.connections import Connection, Connections

Open = Callable[..., Connection]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Make a connection from this address that has rested for so many seconds."""
    with ExitStack() as stack:

        def make(address: str, rested: float = 0.0) -> Connection:
            near, far = socket.socketpair()
            stack.enter_context(near)
            stack.enter_context(far)
            made = Connection(Config(), near, (address, 1), ("127.0.0.1", 8000))
            made.rested = time.monotonic() - rested
            return made

        yield make


def filled(connections: Connections, opened: Open, address: str, number: int) -> list[Connection]:
    found = [opened(address, rested=float(age)) for age in range(number)]
    for one in found:
        connections.add(one)
    return found


def test_an_address_within_its_share_keeps_all(opened: Open) -> None:
    connections = Connections(most=1000, share=20)
    filled(connections, opened, "192.0.2.1", 20)
    assert (connections.over_share("192.0.2.1"), connections.over_all()) == ([], [])


def test_over_its_share_those_that_are_furthest_behind_go(opened: Open) -> None:
    connections = Connections(most=1000, share=20)
    mine = filled(connections, opened, "192.0.2.1", 21)
    filled(connections, opened, "192.0.2.2", 5)
    gone = connections.over_share("192.0.2.1")
    assert gone[0] is mine[-1]
    assert mine[0] not in gone
    assert {one.address for one in gone} == {"192.0.2.1"}


def test_what_waits_for_us_counts_for_nothing_and_is_never_given_up(opened: Open) -> None:
    connections = Connections(most=30, share=20)
    for one in filled(connections, opened, "192.0.2.1", 40):
        one.rested = None  # a thread has to do with it, and does not wait for the client
    assert (connections.over_share("192.0.2.1"), connections.over_all()) == ([], [])


def test_many_addresses_make_room_for_one_another(opened: Open) -> None:
    connections = Connections(most=50, share=20)
    for number in range(50):
        filled(connections, opened, f"192.0.2.{number}", 1)
    late = opened("198.51.100.1", rested=9.0)
    connections.add(late)
    assert connections.over_all()[0] is late


def test_the_network_of_one_ipv6_client_is_one_address(opened: Open) -> None:
    connections = Connections(most=1000, share=10)
    for number in range(11):
        connections.add(opened(f"2001:db8::{number:x}"))
    assert connections.over_share("2001:db8::ffff") != []
    assert connections.over_share("2001:db8:0:1::1") == []


def test_an_address_written_as_ipv6_is_the_same(opened: Open) -> None:
    connections = Connections(most=1000, share=10)
    for _ in range(11):
        connections.add(opened("::ffff:192.0.2.1"))
    assert connections.over_share("192.0.2.1") != []


def test_what_is_closed_is_forgotten(opened: Open) -> None:
    connections = Connections(most=10, share=10)
    mine = filled(connections, opened, "192.0.2.1", 10)
    assert connections.over_all() != []
    mine[0].close()
    assert connections.over_all() == []


def test_without_a_file_for_another_only_those_go_that_have_kept_us_waiting(opened: Open) -> None:
    connections = Connections(most=30, share=20)
    filled(connections, opened, "192.0.2.1", 5)
    assert len(connections.furthest_behind(by=2.5)) == 2
    assert connections.furthest_behind(by=60) == []
