"""X-Forwarded-* is believed of the proxies that are named, and of nobody else."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from gomail import proxies
from gomail.middleware import TrustedProxies

PROXIES = ("10.0.0.5", "10.1.0.0/16", "2001:db8::/48", "unix")


def seen(settings: Any, peer: str, trusted: tuple[str, ...] = PROXIES, **headers: str) -> HttpRequest:
    """Return the request as what comes after the middleware sees it."""
    settings.GOMAIL_TRUSTED_PROXIES = trusted
    found: list[HttpRequest] = []

    def view(request: HttpRequest) -> HttpResponse:
        found.append(request)
        return HttpResponse()

    request = RequestFactory().get(
        "/", REMOTE_ADDR=peer, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    TrustedProxies(view)(request)
    return found[0]


@pytest.mark.parametrize("peer", ["192.0.2.1", "127.0.0.1", "::1", "10.0.0.6", "10.2.0.1", "nonsense"])
def test_by_default_and_of_strangers_nothing_is_believed(settings: Any, peer: str) -> None:
    for trusted in ((), PROXIES):
        request = seen(
            settings,
            peer,
            trusted,
            X_Forwarded_Proto="https",
            X_Forwarded_For="1.1.1.1",
            X_Forwarded_Host="evil.example",
        )
        assert (request.is_secure(), request.META["REMOTE_ADDR"], request.get_host().partition(":")[0]) == (
            False,
            peer,
            "testserver",
        )
        assert not [name for name in request.META if name.startswith("HTTP_X_FORWARDED")]


@pytest.mark.parametrize("peer", ["10.0.0.5", "10.1.255.1", "2001:db8::1", "::ffff:10.0.0.5", ""])
def test_of_a_proxy_that_is_named_scheme_and_address_are_believed_and_no_host(
    settings: Any, peer: str
) -> None:
    request = seen(
        settings,
        peer,
        X_Forwarded_Proto="https",
        X_Forwarded_For="192.0.2.9",
        X_Forwarded_Host="evil.example",
    )
    assert (request.is_secure(), request.META["REMOTE_ADDR"], request.get_host().partition(":")[0]) == (
        True,
        "192.0.2.9",
        "testserver",
    )


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("6.6.6.6, 192.0.2.9", "192.0.2.9"),
        ("6.6.6.6, 192.0.2.9, 10.1.2.3", "192.0.2.9"),
        ("192.0.2.9:4711", "192.0.2.9"),
        ("[2001:db9::1]:4711", "2001:db9::1"),
        ("2001:db9::1", "2001:db9::1"),
        ("10.1.2.3", "10.1.2.3"),
        ("6.6.6.6, unknown", "10.0.0.5"),
        ("6.6.6.6,", "10.0.0.5"),
        ("", "10.0.0.5"),
        ("<script>", "10.0.0.5"),
        ("6.6.6.6, nonsense, 10.1.2.3", "10.1.2.3"),
    ],
)
def test_the_client_is_the_last_address_that_is_none_of_the_proxies(
    settings: Any, said: str, client: str
) -> None:
    assert seen(settings, "10.0.0.5", X_Forwarded_For=said).META["REMOTE_ADDR"] == client


@pytest.mark.parametrize(
    ("said", "secure"), [("https", True), ("http", False), ("https, http", False), ("http,https", True)]
)
def test_of_several_schemes_the_proxys_own_counts(settings: Any, said: str, secure: bool) -> None:
    assert seen(settings, "10.0.0.5", X_Forwarded_Proto=said).is_secure() is secure


@pytest.mark.parametrize("word", ["10.0.0.256", "10.0.0.1/8", "proxy.example.org", "*", "10.0.0.5 10.0.0.6"])
def test_what_is_no_address_is_refused_at_the_start(monkeypatch: Any, word: str) -> None:
    monkeypatch.setenv("GOMAIL_TRUSTED_PROXIES", f"127.0.0.1,{word}")
    with pytest.raises(
        ImproperlyConfigured, match=r"GOMAIL_TRUSTED_PROXIES: .*; write addresses or networks"
    ):
        proxies.trusted()
