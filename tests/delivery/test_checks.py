from typing import Any

import pytest

from delivery import checks


def ids(found: Any) -> list[str]:
    return [message.id for message in found]


def test_production_without_a_provider_is_an_error(settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ("ses",)
    assert ids(checks.providers()) == ["gomail.W001", "gomail.E001"]


def test_development_without_a_provider_has_the_sandbox(settings: Any) -> None:
    settings.GOMAIL_PROVIDERS, settings.DEBUG = ("ses",), True
    assert ids(checks.providers()) == ["gomail.W001"]


@pytest.mark.parametrize(("key", "expected"), [("x" * 49, ["gomail.E002"]), ("x" * 50, [])])
def test_a_short_secret_key_is_an_error(settings: Any, key: str, expected: list[str]) -> None:
    settings.SECRET_KEY = key
    assert ids(checks.secret_key()) == expected


def test_a_default_sender_that_is_none_is_an_error(settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "webmaster@localhost"
    assert ids(checks.default_sender()) == ["gomail.E003"]


def test_production_without_host_names_is_an_error(settings: Any) -> None:
    settings.ALLOWED_HOSTS = []
    assert ids(checks.hosts()) == ["gomail.E004"]


@pytest.mark.parametrize(
    ("debug", "trusted", "expected"),
    [(False, (), ["gomail.I001"]), (False, ("127.0.0.1",), []), (False, ("unix",), []), (True, (), [])],
)
def test_production_that_trusts_no_proxy_is_told_so(
    settings: Any, debug: bool, trusted: tuple[str, ...], expected: list[str]
) -> None:
    settings.DEBUG, settings.GOMAIL_TRUSTED_PROXIES = debug, trusted
    assert ids(checks.proxies()) == expected


def test_production_that_asks_for_no_key_or_sends_nothing_is_warned_of(settings: Any) -> None:
    settings.API_KEY_REQUIRED = False
    assert ids(checks.openness()) == ["gomail.W002", "gomail.W003"]


@pytest.mark.parametrize(
    ("url", "installed", "expected"),
    [
        ("", False, []),
        ("amqp://guest@127.0.0.1/", True, []),
        ("rediss://127.0.0.1/0", True, []),
        ("amqp://guest@127.0.0.1/", False, ["gomail.E005"]),
        ("127.0.0.1:5672", True, ["gomail.E006"]),
    ],
)
def test_a_broker_that_nobody_could_speak_to_is_an_error(
    settings: Any, monkeypatch: pytest.MonkeyPatch, url: str, installed: bool, expected: list[str]
) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: installed or None)
    settings.CELERY_BROKER_URL = url

    assert ids(checks.engine()) == expected


@pytest.mark.parametrize(("version", "expected"), [((3, 34, 1), ["gomail.E007"]), ((3, 35, 0), [])])
def test_an_sqlite_that_cannot_return_rows_is_an_error(
    monkeypatch: Any, version: tuple[int, ...], expected: list[str]
) -> None:
    monkeypatch.setattr(checks.connection, "vendor", "sqlite")
    monkeypatch.setattr(checks.sqlite3, "sqlite_version_info", version)
    assert ids(checks.sqlite()) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [("", []), ("unix:///run/clamd.ctl", []), ("tcp://clamd:3310", []), ("clamd:3310", ["gomail.E008"])],
)
def test_a_scanner_that_can_never_be_asked_is_an_error(settings: Any, url: str, expected: list[str]) -> None:
    settings.CLAMD_URL = url
    assert ids(checks.scanner()) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [(("encrypted", "rar", "7z"), []), (("none",), []), (("encrypt",), ["gomail.E009"])],
)
def test_a_kind_of_archive_that_nobody_knows_is_an_error(
    settings: Any, words: tuple[str, ...], expected: list[str]
) -> None:
    settings.GOMAIL_REFUSED_ARCHIVES = words
    assert ids(checks.scanner()) == expected


@pytest.mark.parametrize(
    ("keys", "debug", "found"),
    [
        ((), False, ["gomail.W011"]),
        ((), True, []),
        (("short",), False, ["gomail.W011"]),
        (("t" * 32, "old" * 11), False, []),
    ],
)
def test_without_a_key_nobody_can_be_erased(
    settings: Any, keys: tuple[str, ...], debug: bool, found: list[str]
) -> None:
    settings.GOMAIL_TOMBSTONE_KEYS, settings.DEBUG = keys, debug
    assert ids(checks.tombstones_of_people()) == found
