"""What every test stands on: a real database, attachments in a folder of the test's own, scripted providers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from django.test import Client

from delivery import journal
from delivery.access import key_use, keys
from delivery.access.scopes import Scope
from delivery.access.shared_counts import of_reads
from delivery.db import outages
from delivery.files import scan
from delivery.monitoring import metrics
from delivery.queue import watermark
from delivery.routing import circuit_cache, configured, governor
from delivery.submission import backpressure
from delivery.suppressions import erased, screening
from delivery.webhooks import listeners
from providers.wire import shortage
from tests import aws as amazon
from tests import emptied, fakes, migrated, read_lines, read_once


def pytest_report_header() -> str:
    """Say which database the suite runs on."""
    return f"database: {connection.vendor}"


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Go on with the file that all runs share, where they do: it has its tables."""
    return connection.vendor == "sqlite" and migrated.is_shared()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_keepdb: bool
) -> Iterator[None]:
    """Test on a real SQLite file, as in production; Django would take memory."""
    if connection.vendor == "sqlite":
        path = tmp_path_factory.mktemp("database") / "test.sqlite3"
        connection.settings_dict["TEST"]["NAME"] = str(path)
        if django_db_keepdb:
            path.write_bytes(migrated.database())
    yield
    connection.close()


@pytest.fixture(scope="session", autouse=True)
def _packages_read_once() -> Iterator[None]:
    """Find and parse once what lies in the packages' files."""
    with read_once.static_files(), read_once.descriptions_of_aws(), read_once.classes_of_aws():
        yield


@pytest.fixture(scope="session", autouse=True)
def _hashes_cost_nothing() -> Iterator[None]:
    """Hash a password in no time: a million rounds take half a second, and half of all tests log somebody in."""
    with patch.object(PBKDF2PasswordHasher, "iterations", 10):
        yield


@pytest.fixture(scope="session", autouse=True)
def _tables_emptied() -> Iterator[None]:
    """Empty after a test that committed what has rows, and no more."""
    with emptied.where_there_are_rows():
        yield


@pytest.fixture(autouse=True)
def attachment_folder(settings: Any, tmp_path: Path) -> Path:
    """Keep attachments in the test's own folder."""
    folder = tmp_path / "attachments"
    storages = dict(settings.STORAGES)
    storages["attachments"] = {**storages["attachments"], "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = storages
    return folder


@pytest.fixture(autouse=True)
def journal_folder(settings: Any, tmp_path: Path) -> Path:
    """Keep the journal in the test's own folder."""
    settings.GOMAIL_JOURNAL_DIR = str(tmp_path / "journal")
    journal.close()
    return tmp_path / "journal"


@pytest.fixture(autouse=True)
def _no_address_in_the_log() -> Iterator[None]:
    """Fail a test in which a line of the log holds somebody's address."""
    with read_lines.of_the_log() as lines:
        yield
    assert read_lines.with_addresses(lines) == []


@pytest.fixture(autouse=True)
def _fresh_memory() -> None:
    """Forget the API keys, the circuits and the endpoints of the test before."""
    keys._live.cache_clear()
    key_use.forget()
    of_reads.forget()
    circuit_cache.forget()
    governor.forget()
    backpressure.forget()
    watermark.forget()
    screening.forget()
    erased.forget()
    listeners.forget()
    scan.forget()
    shortage.forget()
    metrics.forget()
    outages.forget()


@pytest.fixture
def token(db: None) -> str:
    """An API key that may do everything."""
    return keys.issue("tests", scopes=Scope.values)[1]


@pytest.fixture
def api(token: str) -> "fakes.Api":
    """A client of the API with that key."""
    return fakes.Api(Client(), token)


@pytest.fixture
def ses(settings: Any) -> Iterator["fakes.FakeVendor"]:
    """Amazon SES as a loopback server; it accepts unless told otherwise."""
    with fakes.ses() as vendor:
        yield vendor


@pytest.fixture
def sendgrid() -> Iterator["fakes.FakeVendor"]:
    """SendGrid as a loopback server; it accepts unless told otherwise."""
    with fakes.sendgrid() as vendor:
        yield vendor


@pytest.fixture(scope="session")
def _amazon() -> Iterator[amazon.Aws]:
    with amazon.running() as aws:
        yield aws


@pytest.fixture
def aws(_amazon: amazon.Aws, monkeypatch: pytest.MonkeyPatch) -> amazon.Aws:
    """Amazon's queues, topics and settings of SES on loopback, empty."""
    _amazon.reset()
    for name, value in _amazon.environment().items():
        monkeypatch.setenv(name, value)
    return _amazon


@pytest.fixture
def providers(settings: Any, ses: "fakes.FakeVendor", sendgrid: "fakes.FakeVendor") -> Iterator[None]:
    """Both, configured in the order of production: SES first."""
    settings.GOMAIL_PROVIDERS = ("ses", "sendgrid")
    settings.PROVIDER_SECRETS = fakes.variables(ses, sendgrid)
    yield
    configured._build.cache_clear()
