"""What cannot be read in one way only is refused at the start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT


def start(**variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    environment = os.environ | {"GOMAIL_TOMBSTONE_KEYS": "t" * 43} | variables
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_complete_production_has_nothing_to_complain_of() -> None:
    done = start(
        GOMAIL_PROVIDERS="sendgrid",
        SENDGRID_API_KEY="SG.key",
        DJANGO_SECRET_KEY="aB3$" + "xyz-9" * 12,
        GOMAIL_TRUSTED_PROXIES="127.0.0.1",
    )
    assert (done.returncode, done.stdout.strip()) == (0, "System check identified no issues (3 silenced).")


def test_without_a_proxy_it_may_start_all_the_same() -> None:
    done = start(
        GOMAIL_PROVIDERS="sendgrid", SENDGRID_API_KEY="SG.key", DJANGO_SECRET_KEY="aB3$" + "xyz-9" * 12
    )
    assert done.returncode == 0
    assert "INFOS:\n?: (gomail.I001) GOMAIL_TRUSTED_PROXIES is empty" in done.stderr


@pytest.mark.parametrize("word", ["y", "treu", "enabled", "2"])
def test_a_switch_that_is_neither_true_nor_false_is_refused(word: str) -> None:
    done = start(API_KEY_REQUIRED=word)
    assert done.returncode != 0
    assert f"API_KEY_REQUIRED is '{word}'; write true or false." in done.stderr


@pytest.mark.parametrize("word", ["7MB", "-1", "1e6", "7_000_000", "٧"])
def test_a_size_that_is_no_whole_number_is_refused(word: str) -> None:
    done = start(ATTACHMENTS_MAX_BYTES=word)
    assert done.returncode != 0
    assert f"ATTACHMENTS_MAX_BYTES is '{word}'; write a whole number in digits, 0 or more." in done.stderr


@pytest.mark.parametrize(
    ("name", "word", "most"),
    [
        ("GOMAIL_KEEP_EMAILS_DAYS", "36501", "36,500"),
        ("GOMAIL_HOLD_SECONDS", "9" * 30, "2,592,000"),
        ("WORKER_THREADS", "1001", "1,000"),
        ("GOMAIL_QUEUE_MAX", "9" * 5000, "1,000,000,000"),
    ],
)
def test_a_number_beyond_all_sense_is_refused(name: str, word: str, most: str) -> None:
    done = start(**{name: word})
    assert done.returncode != 0
    assert f"{name} is {word[:20]}; it may be {most} at most." in done.stderr


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("GOMAIL_WEBHOOK_PORTS", "0"),
        ("GOMAIL_WEBHOOK_PORTS", "8443 9443"),
        ("GOMAIL_WEBHOOK_SCHEDULE", "0,5s"),
        ("GOMAIL_WEBHOOK_SCHEDULE", ","),
        ("GOMAIL_WEBHOOK_ALLOWED_NETS", "10.0.0.1/8"),
        ("GOMAIL_WEBHOOK_ALLOWED_NETS", "intranet"),
        ("GOMAIL_DNS_SERVERS", "dns.example.org"),
        ("GOMAIL_DNS_SERVERS", "9.9.9.9:70000"),
        ("TIME_ZONE", "Mars/Olympus"),
        ("TIME_ZONE", "../../etc/passwd"),
    ],
)
def test_what_lies_outside_is_named_in_one_way(name: str, word: str) -> None:
    done = start(**{name: word})
    assert done.returncode != 0
    assert name in done.stderr


def test_failpoints_are_refused_outside_of_a_fault_run() -> None:
    done = start(GOMAIL_FAILPOINTS="after-claim=1", GOMAIL_TESTING="false")
    assert done.returncode != 0
    assert "GOMAIL_FAILPOINTS kills processes in the middle of their work; unset it." in done.stderr


@pytest.mark.parametrize("name", ["PORT", "WEB_CONCURRENCY", "WEB_THREADS"])
def test_the_servers_numbers_are_read_like_the_others(name: str) -> None:
    command = [sys.executable, "-m", "gunicorn", "--check-config", "--config", "python:gomail.gunicorn"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {name: "0"}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert f"{name} is '0'; write a whole number in digits, 1 or more." in done.stderr


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("SG.key-from-a-file\n")
    done = start(
        GOMAIL_PROVIDERS="sendgrid", SENDGRID_API_KEY_FILE=str(key), DJANGO_SECRET_KEY="aB3$" + "xyz-9" * 12
    )
    assert done.returncode == 0, done.stderr
