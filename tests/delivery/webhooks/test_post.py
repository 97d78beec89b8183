"""Where webhooks may go: 80 URLs and more that lead to this machine, and not one connection."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_network
from typing import Any

import pytest

from delivery.webhooks import claims, post
from delivery.webhooks.lookups import Unresolved
from providers.errors import Unavailable, Unknown
from providers.wire import trust
from tests.delivery.webhooks import urls
from tests.providers import certificates
from tests.providers.fault_server import FaultServer, answer, closed_port, drip, hang, redirect, reset


class Canary:
    """Listens on both loopback addresses, and at a proxy's port; nobody may come."""

    def __init__(self) -> None:
        self.port, self.proxy = closed_port(), closed_port()
        places = [("127.0.0.1", self.port), ("::1", self.port), ("127.0.0.1", self.proxy)]
        families = [socket.AF_INET6 if ":" in host else socket.AF_INET for host, _ in places]
        self._listeners = [
            socket.create_server(place, family=one) for place, one in zip(places, families, strict=True)
        ]

    def visitors(self) -> int:
        """Count those in the listeners' backlogs."""
        return sum(_has_visitor(listener) for listener in self._listeners)

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()


def _has_visitor(listener: socket.socket) -> bool:
    listener.setblocking(False)
    with suppress(BlockingIOError):
        listener.accept()[0].close()
        return True
    return False


@pytest.fixture
def canary(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Canary]:
    made = Canary()
    settings.GOMAIL_WEBHOOK_PORTS = (made.port,)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{made.proxy}")
    monkeypatch.delenv("no_proxy", raising=False)
    answer_names(monkeypatch, urls.NAMES)
    yield made
    made.close()


def answer_names(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    """Play the resolver for these names."""
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host not in names:
            return real(host, port, *args, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in names[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_eighty_urls_that_lead_to_this_machine_and_more_open_no_connection(canary: Canary) -> None:
    assert len(urls.URLS) >= 80
    for form in urls.URLS:
        url = form.replace("{port}", str(canary.port))
        with pytest.raises(post.Forbidden):
            post.post(url, {}, b"{}")
        with pytest.raises(post.Forbidden):
            post.check(url)
    assert canary.visitors() == 0


def test_the_canary_does_notice_a_call_where_the_rule_is_missing(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "_refuse", lambda *_: None)
    monkeypatch.setattr(post, "_SECONDS", 0.2)
    with pytest.raises(Unavailable):
        post.post(f"https://one.test:{canary.port}/", {}, b"{}")
    assert canary.visitors() == 1


def test_a_name_that_changes_between_two_looks_is_called_where_it_was_checked(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def flip(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        asked.append(host)
        address = (
            "127.0.0.1" if len(asked) % 2 == 0 else "192.0.2.7"
        )  # the first is allowed, the second the canary
        if host != "rebinding.test":  # the transport connects to an address, and asks for no name
            address = host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", flip)
    monkeypatch.setattr(post, "_is_public", lambda address: str(address) == "192.0.2.7")
    monkeypatch.setattr(
        socket.socket, "connect", lambda self, place: connected.append(place) or refuse(), raising=False
    )
    with pytest.raises(Unavailable):
        post.post(f"https://rebinding.test:{canary.port}/", {}, b"{}")

    assert connected == [("192.0.2.7", canary.port)]
    assert asked.count("rebinding.test") == 1
    assert canary.visitors() == 0


def refuse() -> None:
    raise ConnectionRefusedError


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00:1450:4001::1"]
)
def test_public_addresses_may_be_called(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_names(monkeypatch, {"hooks.example.org": [address]})
    post.check("https://hooks.example.org/in?token=a%20b")


def test_a_name_that_cannot_be_looked_up_is_asked_again_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> Any:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    post.check("https://hooks.example.org/")
    with pytest.raises(Unresolved):
        post.post("https://hooks.example.org/", {}, b"{}")


def test_a_name_server_that_hangs_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def wait(*args: Any, **options: Any) -> Any:
        over.wait(5)
        return []

    monkeypatch.setattr(post, "_LOOKUP_SECONDS", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", wait)
    begun = time.monotonic()
    with pytest.raises(Unresolved, match=r"within 0\.1 s"):
        post.post("https://slow.example.org/", {}, b"{}")
    assert time.monotonic() - begun < 2
    over.set()


def test_a_call_is_over_long_before_its_lease() -> None:
    assert claims.LEASE.total_seconds() >= 2 * post._SECONDS
    assert post._LOOKUP_SECONDS + post._CONNECT_SECONDS <= post._SECONDS


def test_a_port_must_be_listed(receiver: FaultServer, settings: Any) -> None:
    settings.GOMAIL_WEBHOOK_PORTS = ()
    with pytest.raises(post.Forbidden, match="GOMAIL_WEBHOOK_PORTS"):
        post.check(f"https://127.0.0.1:{receiver.port}/")


def test_the_operators_own_network_may_be_called_without_tls(receiver: FaultServer) -> None:
    assert post.post(f"{receiver.url}/hook?a=b", {"webhook-id": "1"}, b"{}").status == 200

    (got,) = receiver.received
    assert (got.method, got.path, got.body) == ("POST", "/hook?a=b", b"{}")
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["content-type"] == "application/json"


def test_a_proxy_of_the_environment_is_not_asked(
    receiver: FaultServer, canary: Canary, settings: Any
) -> None:
    settings.GOMAIL_WEBHOOK_PORTS = (receiver.port,)
    assert post.post(receiver.url, {}, b"{}").status == 200
    assert canary.visitors() == 0


def test_a_redirect_is_an_answer_and_is_not_followed(
    receiver: FaultServer, canary: Canary, settings: Any
) -> None:
    settings.GOMAIL_WEBHOOK_PORTS = (receiver.port, canary.port)
    receiver.script(redirect(f"http://127.0.0.1:{canary.port}/", 307))

    assert post.post(receiver.url, {}, b"{}").status == 307
    assert canary.visitors() == 0


def test_an_answer_is_read_up_to_64_kib(receiver: FaultServer) -> None:
    receiver.script(answer(200, b"x" * 1_000_000))
    assert len(post.post(receiver.url, {}, b"{}").body) == 64 * 1024


@pytest.mark.parametrize("fault", [hang(), drip()])
def test_whoever_hangs_or_drips_is_left_in_time(
    fault: Any, receiver: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "_SECONDS", 0.5)
    receiver.script(fault)
    with pytest.raises(Unknown):
        post.post(receiver.url, {}, b"{}")


def test_a_reset_connection_is_an_error_of_the_transport(receiver: FaultServer) -> None:
    receiver.script(reset())
    with pytest.raises(Unknown):
        post.post(receiver.url, {}, b"{}")


def test_if_the_first_address_cannot_be_reached_the_second_is_called(
    receiver: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_names(monkeypatch, {"two.test": ["127.0.0.99", "127.0.0.1"]})
    assert post.post(f"http://two.test:{receiver.port}/", {}, b"{}").status == 200


@pytest.mark.parametrize(("name", "fits"), [("127.0.0.1", True), ("hooks.example.org", False)])
def test_the_certificate_must_be_for_the_name_and_not_for_the_address(
    name: str, fits: bool, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """The server's certificate is for 127.0.0.1, which is where either name leads."""
    pem = certificates.write(tmp_path)
    trusting = ssl.create_default_context(cafile=str(pem))
    monkeypatch.setattr(trust, "context", lambda: trusting)
    answer_names(monkeypatch, {"hooks.example.org": ["127.0.0.1"]})
    settings.GOMAIL_WEBHOOK_ALLOWED_NETS = (ip_network("127.0.0.1"),)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings.GOMAIL_WEBHOOK_PORTS = (port,)
        serving = threading.Thread(
            target=serve_tls, args=(listener, certificates.server_context(pem)), daemon=True
        )
        serving.start()
        if fits:
            assert post.post(f"https://{name}:{port}/", {}, b"{}").status == 204
        else:
            with pytest.raises(Unavailable, match="SSL"):
                post.post(f"https://{name}:{port}/", {}, b"{}")
        serving.join(5)


def serve_tls(listener: socket.socket, context: Any) -> None:
    with suppress(OSError):
        plain, _ = listener.accept()
        with context.wrap_socket(plain, server_side=True) as secure:
            read = b""  # all of it: what is left unread would reset the connection
            while not read.endswith(b"\r\n\r\n{}") and (more := secure.recv(65536)):
                read += more
            secure.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


def test_which_host_is_read_alike_by_everybody() -> None:
    names: Sequence[str] = (
        "example.org",
        "a-b.example",
        "xn--bcher-kva.example",
        "93.184.215.14",
        "2606:2800::1",
    )
    assert [name for name in names if not post._is_plain(name)] == []
